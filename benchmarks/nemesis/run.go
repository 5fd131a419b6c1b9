package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"troupe/benchmarks/cluster"
)

// Options is what a run is made of.
type Options struct {
	System *cluster.System
	Dir    string // a folder for data and logs
	Seed   uint64
	Faults []Fault
	// For is how long turns go on: each fault has one, in this order, however long that takes, and after that faults and storms in turn by chance. Zero: no more than one each.
	For time.Duration
	// Within is after how long no other turn begins, whether or not each fault has had one; zero: there is no such limit.
	Within    time.Duration
	DiskBytes int64 // where above zero, each node has a disk of that size
	// Namespaces has each node have a network of its own: what is cut off loses packets. Without them relays between the nodes hold back what is cut.
	Namespaces bool
	// Measure says that gaps are what the run is for. Then no chance has a part in how long a fault holds, which is until everybody has been answered where a majority is left; there are
	// no wires between nodes, and so no faults that cut them; and probes are measured too. No records are deleted. What nodes keep is not looked at: they may be Kafka's.
	Measure bool
	Logf    func(format string, args ...any)
}

// patience is how long a cluster has to become whole again after a fault, and the clients to be answered, and to read all there is, when everything is well again.
func (r *run) patience() time.Duration {
	switch {
	case !r.o.Measure:
		return 30 * time.Second
	case r.turned:
		return time.Minute
	}
	return 3 * time.Minute // whoever is measured may take its time
}

// Run has a cluster go through faults. An error is one of the harness; what the cluster has done wrong stands in the Report.
func Run(ctx context.Context, o Options) (*Report, error) {
	began := time.Now()
	c, err := cluster.Start(cluster.Options{System: o.System, Dir: o.Dir, Nodes: 3, DiskBytes: o.DiskBytes, Namespaces: o.Namespaces, Wires: !o.Measure && !o.Namespaces})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if o.Measure {
		syscall.Sync() // what systems start from has long been on the disk when a real machine loses power
	}
	for _, name := range []string{topic, minorityTopic, bulkTopic, freshTopic, defaultTopic} {
		of := settings[name]
		if o.Measure {
			of = nil
		}
		if err := c.CreateTopic(ctx, name, partitions, of); err != nil {
			return nil, err
		}
	}
	r := &run{o: o, cluster: c, chance: rand.New(rand.NewPCG(o.Seed, 0)), report: &Report{Seed: o.Seed}}
	r.work = &workload{cluster: c, history: NewHistory(partitions)}
	if err := r.work.start(ctx, o.Measure); err != nil {
		return nil, err
	}
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	err = r.turns(ctx, began)
	r.turned = true
	if err != nil {
		r.work.history.violate(wholeAgain, "%v", err)
		logTails(c, o.Logf)
	}
	if err := r.finish(ctx); err != nil {
		return nil, err
	}
	r.report.Violations = r.work.history.Violations()
	r.report.Acknowledged, _ = r.work.history.Acks()
	r.report.Topics = len(r.work.history.topics)
	r.report.Took = time.Since(began)
	return r.report, nil
}

// run is a run in progress.
type run struct {
	o       Options
	cluster *cluster.Cluster
	work    *workload
	chance  *rand.Rand
	report  *Report
	// minorities are how often a fault has left nodes that reach no majority.
	minorities int
	turned     bool // all turns are over
}

// warmUp waits until all clients have begun, so that what holds up a beginning is not put down to a fault.
func (r *run) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	for !r.work.history.hasBegun() {
		select {
		case <-ctx.Done():
			return errors.New("the clients don't come to write and to read, without any fault")
		case <-time.After(lookEvery):
		}
	}
	return nil
}

// turns has every fault take a turn, and then goes on by chance.
func (r *run) turns(ctx context.Context, began time.Time) error {
	for i, f := range r.o.Faults {
		if r.o.Within > 0 && time.Since(began) > r.o.Within {
			r.o.Logf("%v are gone: %d of %d turns are left out", r.o.Within, len(r.o.Faults)-i, len(r.o.Faults))
			return nil
		}
		if err := r.turn(ctx, f); err != nil {
			return err
		}
	}
	for {
		left := r.o.For - time.Since(began)
		if left < stormMin {
			return nil
		}
		f := Storm(min(left, stormMax))
		if r.chance.IntN(2) == 0 {
			f = r.o.Faults[r.chance.IntN(len(r.o.Faults))]
		}
		if err := r.turn(ctx, f); err != nil {
			return err
		}
	}
}

// Storms that chance has come last from stormMin to stormMax.
const stormMin, stormMax = 2 * time.Second, 10 * time.Second

// settled is for how long producers are watched after a fault is over.
const settled = 300 * time.Millisecond

// turn has a fault strike, hold and end, and waits until the cluster is whole.
func (r *run) turn(ctx context.Context, f Fault) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s := &Scene{Cluster: r.cluster, Chance: r.chance, ctx: ctx, note: func(format string, args ...any) {
		r.o.Logf("%s   %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...))
	}}
	if err := r.whole(ctx, s); err != nil {
		return fmt.Errorf("before %s: %w", f.Name, err)
	}
	led, err := leaders(ctx, r.cluster)
	if err != nil {
		return err
	}
	s.Leaders = led[topic]
	s.note("%s: %s", f.Name, f.Doc)
	struck := time.Now()
	if err := f.Strike(s); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	s.note("struck are %v, leaders were %v", ids(s.Victims), s.Leaders)
	if r.o.Measure {
		r.holdUntilAnswered(ctx, s, struck, f.Hold)
	} else {
		r.hold(ctx, s, f.Hold+time.Duration(r.chance.Int64N(int64(f.Hold/2+1))))
	}
	ended := time.Now()
	if err := s.unexpected(); err != nil {
		return fmt.Errorf("during %s of %v: %w", f.Name, ids(s.Victims), err)
	}
	if err := f.End(s); err != nil {
		return fmt.Errorf("the end of %s: %w", f.Name, err)
	}
	t := Turn{Fault: f, Victims: ids(s.Victims), Struck: ended.Sub(struck), Whole: Never}
	if err = r.whole(ctx, s); err == nil {
		whole := time.Now()
		t.Whole = whole.Sub(ended)
		if !r.o.Measure {
			r.readBack(ctx, f)
		}
		time.Sleep(settled - time.Since(whole)) // what is acknowledged by then ends the last gap
	}
	end, patience := time.Now(), r.patience()
	if err != nil {
		patience = settled // a cluster that does not become whole answers by now, or never
	}
	t.Led, t.Others = r.work.history.beats.worst(s.Leaders, t.Victims, struck, end, patience)
	if r.o.Measure {
		t.Fresh, _ = r.work.probes.fresh.worst(led[freshTopic], t.Victims, struck, end, patience)
		t.Default, _ = r.work.probes.defaults.worst(led[defaultTopic], t.Victims, struck, end, patience)
	}
	s.note("%v", t)
	r.report.Turns = append(r.report.Turns, t)
	if err != nil {
		return fmt.Errorf("after %s of %v: %w", f.Name, t.Victims, err)
	}
	return nil
}

// readBack looks whether what was acknowledged so far is there.
func (r *run) readBack(ctx context.Context, f Fault) {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	if err := r.work.follower.readBack(ctx, r.work.history); err != nil {
		r.work.history.violate(allReadable, "after %s: %v", f.Name, err)
	}
}

// hold lets time pass, while clients try their luck with nodes that reach no majority.
func (r *run) hold(ctx context.Context, s *Scene, last time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	refused := make(chan int)
	if len(s.Minority) > 0 {
		r.minorities++
	}
	for _, n := range s.Minority {
		go func() { refused <- r.work.pester(ctx, n) }()
	}
	<-ctx.Done()
	for range s.Minority {
		r.report.Refused += <-refused
	}
}

// holdUntilAnswered lets time pass, until everybody has been answered where a majority is left.
func (r *run) holdUntilAnswered(ctx context.Context, s *Scene, struck time.Time, least time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	for time.Since(struck) < least || 2*len(s.Victims) < len(r.cluster.Nodes) && !r.work.answeredSince(struck) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookEvery):
		}
	}
}

// whole waits until the cluster is whole, and starts those of its nodes that may have ended by themselves.
func (r *run) whole(ctx context.Context, s *Scene) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	for {
		if err := s.unexpected(); err != nil {
			return err
		}
		for _, n := range r.cluster.Unexpected() {
			r.o.Logf("node %d has ended; it is started again", n.ID)
			if err := n.Start(); err != nil {
				return err
			}
		}
		err := r.cluster.Whole(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lookEvery):
		}
	}
}

// lookEvery is how often it is looked whether the cluster is whole.
const lookEvery = 30 * time.Millisecond

// leaders are who leads the partitions of each topic.
func leaders(ctx context.Context, c *cluster.Cluster) (map[string][]int32, error) {
	all, _, err := c.Nodes[0].Partitions(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]int32{}
	for _, p := range all { // in the order of their numbers
		out[p.Topic] = append(out[p.Topic], p.Leader)
	}
	return out, nil
}

func ids(nodes []*cluster.Node) (out []int32) {
	for _, n := range nodes {
		out = append(out, n.ID)
	}
	slices.Sort(out)
	return out
}

// finish ends the clients and looks at what they leave.
func (r *run) finish(ctx context.Context) error {
	h := r.work.history
	answered, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	if err := r.work.end(answered); err != nil {
		h.violate(allAnswered, "%v", err)
	}
	reading, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	reads, err := r.work.readAll(reading)
	if err != nil {
		h.violate(allReadable, "%v", err)
	}
	for p, read := range reads {
		checkRecords(h, int32(p), read)
	}
	if err := r.whole(ctx, &Scene{Cluster: r.cluster}); err != nil {
		h.violate(wholeAgain, "in the end: %v", err)
		return nil // the replicas' logs can't be alike
	}
	for _, n := range r.cluster.Nodes {
		all, _, err := n.Partitions(ctx)
		if err != nil {
			h.violate(allAnswered, "in the end: %v", err)
			continue
		}
		named := map[string]bool{}
		for _, p := range all {
			named[p.Topic] = true
		}
		h.checkTopics(n.ID, named)
	}
	if r.o.Measure {
		return nil
	}
	time.Sleep(time.Second) // the slowest follower has the last record on its disk
	r.cluster.Kill(r.cluster.Nodes...)
	for _, n := range r.cluster.Nodes {
		followed, anew := checkLog(h, n)
		if followed == 0 {
			return fmt.Errorf("node %d has logged nowhere whom it follows; are its lines other ones now?", n.ID)
		}
		r.report.Anew += anew
	}
	if r.report.Deleted = h.Deleted(); r.report.Deleted == 0 {
		return errors.New("no records were deleted, without any fault")
	}
	if r.report.Compared, err = checkFolders(h, r.cluster.Nodes); err != nil {
		return err
	}
	switch r.report.ReadBack = r.work.follower.compared(); {
	case len(r.report.Turns) > 0 && r.report.ReadBack == 0:
		return errors.New("nothing was read back after any turn")
	case r.minorities > 0 && r.report.Refused == 0:
		return fmt.Errorf("%d times nodes reached no majority, and no client was refused by one of them", r.minorities)
	case r.report.Compared == 0:
		return errors.New("no batch was compared")
	}
	return nil
}
