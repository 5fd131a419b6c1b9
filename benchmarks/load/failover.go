package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"troupe/benchmarks/cluster"
	"troupe/benchmarks/nemesis"
)

// faultWithin is how long a system may take for a fault, on the average of a series. What it has not done by then is left out, so that both systems end within the time of a check.
const faultWithin = 90 * time.Second

// failover has a fault strike a few times while clients write, and measures for how long nothing is acknowledged to them. The clients are those of package nemesis: their requests
// time out after a second, and what else they do is written there.
func failover(fault string, times int, hold time.Duration, diskBytes int64) func(*turn) error {
	return func(e *turn) error {
		if diskBytes > 0 {
			if err := cluster.CanMount(); err != nil {
				return err
			}
		}
		all := nemesis.Faults()
		f := all[slices.IndexFunc(all, func(f nemesis.Fault) bool { return f.Name == fault })]
		f.Hold = hold
		r, err := nemesis.Run(context.Background(), nemesis.Options{
			System: e.system, Dir: filepath.Join(e.dir, "nodes"), Faults: slices.Repeat([]nemesis.Fault{f}, times), Within: time.Duration(times) * faultWithin, Measure: true, DiskBytes: diskBytes, Logf: func(format string, args ...any) {
				fmt.Printf("%-9s  %-14s  "+format+"\n", append([]any{fault, e.system.Name}, args...)...)
			},
		})
		if err != nil {
			return err
		}
		for _, t := range r.Turns {
			e.noteGaps(fault, t)
		}
		e.note(fault+", broken promises", "", float64(len(r.Violations)))
		for _, v := range r.Violations {
			fmt.Printf("%-9s  %-14s  %s\n", fault, e.system.Name, v)
		}
		return nil
	}
}

// noteGaps takes down what one fault did. Where a gap is of no partition there is no value: the struck nodes led none, or all.
func (e *turn) noteGaps(fault string, t nemesis.Turn) {
	for _, gap := range []struct {
		name string
		took time.Duration
	}{
		{"longest gap where it led", t.Led}, {"longest gap elsewhere", t.Others}, {"longest gap of new connections", t.Fresh}, {"longest gap with the client's defaults", t.Default},
	} {
		if gap.took > 0 {
			e.note(fault+", "+gap.name, "s", seconds(gap.took))
		}
	}
	e.note(fault+", whole again", "s", seconds(t.Whole))
}

// seconds are what a turn took; never where it has not ended.
func seconds(took time.Duration) float64 {
	if took == nemesis.Never {
		return never
	}
	return took.Seconds()
}
