package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"troupe/actors"
)

// adminOptions is what the admin listener shows.
type adminOptions struct {
	Gatherer prometheus.Gatherer
	Alive    func() error // why the node can't go on
	Ready    func() error // why it does not serve clients
	Tree     func() []*actors.Info
	Recovery *recovery // of partitions that have lost their majority
	Logger   log.Logger
}

// admin is the listener of people and machines who watch a node:
//
//	/metrics      Prometheus' text format
//	/healthz      200 while the process can go on, else 503 with the reason
//	/readyz       200 while clients are served, else 503 with the reason
//	/tree         the actors as JSON (actors.Info), with restarts and last failures
//	/partitions/… those that have lost their majority (admin_recover.go)
//	/debug/pprof  Go's profiles
type admin struct{ server *http.Server }

// serveAdmin serves the listener until Close.
func serveAdmin(l net.Listener, o adminOptions) *admin {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one metric that can't be had shall not hide the others
		ErrorLog:      metricsLogger{o.Logger},
	}))
	mux.HandleFunc("GET /healthz", state(o.Alive))
	mux.HandleFunc("GET /readyz", state(o.Ready))
	mux.HandleFunc("GET /tree", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(o.Tree()); err != nil {
			level.Debug(o.Logger).Log("msg", "the tree was not sent", "err", err)
		}
	})
	serveRecovery(mux, o.Logger, o.Recovery.lost, o.Recovery.recover)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	a := &admin{server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}}
	go func() {
		if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			level.Error(o.Logger).Log("msg", "the admin listener has ended", "err", err)
		}
	}()
	return a
}

// metricsLogger logs what metrics can't be had.
type metricsLogger struct{ log.Logger }

// Println logs one line.
func (l metricsLogger) Println(v ...any) {
	level.Error(l).Log("msg", "some metrics can't be had", "err", fmt.Sprint(v...))
}

func state(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n")) // who has gone does not hear it
	}
}

// Close ends the listener and what is being served.
func (a *admin) Close() { _ = a.server.Close() }
