package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/spf13/cobra"

	"troupe/partition/config"
	"troupe/supervisor"
)

// drainWithin is how long a node that is asked to end waits for its clients.
const drainWithin = 30 * time.Second

// gcPercent is how much the heap grows between two collections, in percent of what is alive, unless GOGC says otherwise. Go's 100 saves 2 % of the CPU, and takes a
// tenth more memory.
const gcPercent = 75

func newServer(c *console) *cobra.Command {
	var file string
	var set []string
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a node",
		Long: `Run a node: a broker for Kafka's clients, with its data in one folder.

Settings come from --set and the other flags, the environment (TROUPE_LOG_RETENTION_MS for log.retention.ms), a Java properties file, and
defaults, in this order. Ctrl+C or SIGTERM drains the node; a second one ends it at once.

The exit code is 0 after a drain, also where clients that did not end within 30 seconds had to be cut off, which is a warning in the log.`,
		Example: `  troupe server
  troupe server --data /var/lib/troupe --set log.retention.hours=24`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&file, "config", "", "settings file, in the form of Kafka's server.properties")
	f.StringArrayVar(&set, "set", nil, "a setting, as NAME=VALUE; may be repeated")
	named := []struct{ flag, setting, usage string }{
		{"data", "data.dir", "data folder (default ./troupe-data)"},
		{"listen", "listener.address", "HOST:PORT for Kafka's clients (default 127.0.0.1:9092)"},
		{"admin", "admin.address", "HOST:PORT of metrics, health and the actor tree (default 127.0.0.1:9644)"},
		{"link", "link.address", "HOST:PORT for the other nodes of the cluster (default none: a cluster of one)"},
		{"seeds", "seeds", "HOST:PORT,… the links of the nodes that found the cluster, alike on every node"},
		{"advertise-single", "advertise.single", "HOST:PORT that clients are told is the only broker (default none: they are told of all nodes)"},
		{"node-id", "node.id", "the node's id (default that of the data folder, 1 for a new one)"},
		{"log-level", "log.level", "debug, info, warn or error (default info)"},
		{"log-format", "log.format", "logfmt or json (default logfmt)"},
	}
	for _, n := range named {
		f.String(n.flag, "", n.usage)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var flags []config.Flag
		for _, n := range named {
			if value := f.Lookup(n.flag).Value.String(); value != "" {
				flags = append(flags, config.Flag{Flag: "--" + n.flag, Name: n.setting, Value: value})
			}
		}
		settings, err := supervisor.LoadSettings(file, os.Environ(), set, flags...)
		if err != nil {
			return &failure{err, exitUsage}
		}
		return serve(cmd.Context(), c, settings)
	}
	return cmd
}

// serve runs a node until it is asked to end, or can't go on.
func serve(ctx context.Context, c *console, settings *config.Settings) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	starting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	defer close(ended)
	go heed(signals, ended, func() { stop(errors.New("it was asked to end")) }, os.Exit)
	logger := newLogger(c.err, settings.Get("log.level"), settings.Get("log.format"))
	n, err := supervisor.Start(starting, supervisor.Options{Settings: settings, Logger: logger})
	if err != nil {
		return failedNode(err)
	}
	fmt.Fprintf(c.out, "troupe ready kafka=%s admin=%s node=%d cluster=%s\n", n.KafkaAddr(), n.AdminAddr(), n.NodeID(), n.ClusterID())
	select {
	case <-starting.Done():
		level.Info(logger).Log("msg", "draining")
	case <-n.Done():
	}
	draining, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	return failedNode(n.Drain(draining))
}

// heed has the node end in order at the first signal, and ends the process at the second one, whatever the node does by then.
func heed(signals <-chan os.Signal, ended <-chan struct{}, end func(), exit func(code int)) {
	for _, obey := range []func(){end, func() { exit(exitFailed) }} {
		select {
		case <-signals:
			obey()
		case <-ended:
			return
		}
	}
}

func failedNode(err error) error {
	if errors.Is(err, supervisor.ErrStoreDead) {
		return &failure{err, exitStoreDead}
	}
	return failed(err)
}

func newLogger(w io.Writer, least, format string) log.Logger {
	w = log.NewSyncWriter(w)
	logger := log.NewLogfmtLogger(w)
	if format == "json" {
		logger = log.NewJSONLogger(w)
	}
	return log.With(level.NewFilter(logger, level.Allow(level.ParseDefault(least, level.InfoValue()))), "ts", log.DefaultTimestampUTC)
}
