package supervisor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"troupe/partition/kafka"
)

// metrics are what a node counts. Labels are bounded: by the APIs, the protocol's errors and the kinds of actors.
type metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	fsyncs   prometheus.Histogram
	restarts *prometheus.CounterVec
	failed   *prometheus.GaugeVec
	written  prometheus.Counter
}

// newMetrics returns a node's metrics. Partitions and sessions are counted when somebody asks.
func newMetrics(partitions, sessions, tailBytes func() float64) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "troupe_requests_total", Help: "Requests that were answered, by API and the first error in the answer (NONE where there is none).",
		}, []string{"api", "error"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "troupe_request_seconds", Help: "Time from a request's arrival to its answer, waiting included.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
		}, []string{"api"}),
		fsyncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "troupe_fsync_seconds", Help: "Time that forcing a group of writes to disk took.", Buckets: prometheus.ExponentialBuckets(0.00005, 2, 18),
		}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "troupe_actor_restarts_total", Help: "Restarts of actors after a panic, by kind.",
		}, []string{"kind"}),
		failed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "troupe_actors_failed", Help: "Actors that panicked too often and are out of service, by kind.",
		}, []string{"kind"}),
		written: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "troupe_log_written_bytes_total", Help: "Bytes of record batches and raft entries handed to the disk.",
		}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m.registry.MustRegister(m.requests, m.seconds, m.fsyncs, m.restarts, m.failed, m.written,
		gauge("troupe_partitions", "Partitions with a leader on this node, those of internal topics and of the metadata among them.", partitions),
		gauge("troupe_sessions", "Open connections of clients.", sessions),
		gauge("troupe_tail_bytes", "Bytes of the newest records that are kept in memory.", tailBytes),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, kind := range kinds { // a counter that is not there before the first restart hides it from rate()
		m.restarts.WithLabelValues(kind)
		m.failed.WithLabelValues(kind)
	}
	return m
}

// request counts an answered request.
func (m *metrics) request(api string, code int16, took time.Duration) {
	if api == "InitProducerID" { // franz-go's spelling
		api = "InitProducerId"
	}
	m.requests.WithLabelValues(api, kafka.CodeName(code)).Inc()
	m.seconds.WithLabelValues(api).Observe(took.Seconds())
}
