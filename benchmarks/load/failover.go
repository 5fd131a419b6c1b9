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
			System: e.system, Dir: filepath.Join(e.dir, "nodes"), Faults: slices.Repeat([]nemesis.Fault{f}, times), Measure: true, DiskBytes: diskBytes, Logf: func(format string, args ...any) {
				fmt.Printf("%-9s  %-14s  "+format+"\n", append([]any{fault, e.system.Name}, args...)...)
			},
		})
		if err != nil {
			return err
		}
		for _, t := range r.Turns {
			e.note(fault+", longest gap where it led", "s", t.Led.Seconds())
			if t.Others > 0 {
				e.note(fault+", longest gap elsewhere", "s", t.Others.Seconds())
			}
			e.note(fault+", longest gap of new connections", "s", t.Fresh.Seconds())
			e.note(fault+", longest gap with the client's defaults", "s", t.Default.Seconds())
			e.note(fault+", whole again", "s", t.Whole.Seconds())
		}
		e.note(fault+", broken promises", "", float64(len(r.Violations)))
		for _, v := range r.Violations {
			fmt.Printf("%-9s  %-14s  %s\n", fault, e.system.Name, v)
		}
		return nil
	}
}
