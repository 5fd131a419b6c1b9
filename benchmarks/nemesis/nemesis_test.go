package nemesis

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"troupe/benchmarks/cluster"
)

// TestNemesis has three processes go through every fault that this machine can have, one after the other, and then through faults and storms by chance until a minute and a half
// is gone. It tells what they did to the clients.
//
// NEMESIS_MINUTES has it go on for that long, NEMESIS_SEED repeats a run's chances, NEMESIS_FAULTS names the faults, joined by commas, which then take a turn each and no more, and
// NEMESIS_KEEP a new folder in which data and logs are left.
func TestNemesis(t *testing.T) {
	minutes := number(t, "NEMESIS_MINUTES", 0)
	names := os.Getenv("NEMESIS_FAULTS")
	o := Options{Seed: uint64(number(t, "NEMESIS_SEED", int(time.Now().UnixNano()))), For: time.Duration(minutes) * time.Minute, Logf: t.Logf}
	if minutes == 0 && names == "" {
		o.For = 90 * time.Second
	}
	t.Logf("NEMESIS_SEED=%d", o.Seed)
	if err := cluster.CanMount(); err == nil {
		o.DiskBytes = diskBytes
	} else if minutes > 0 && os.Getenv("TEST_TOOLS") == "required" {
		t.Fatal(err)
	} else {
		t.Logf("full disks and loss of power are skipped: %v", err)
	}
	if err := cluster.CanUnplug(); err == nil {
		o.Namespaces = true
	} else {
		t.Logf("relays stand for the network: %v", err)
	}
	o.Faults = append(Faults(), Storm(6*time.Second))
	if names != "" {
		o.Faults = named(t, o.Faults, strings.Split(names, ","))
	}
	o.Faults = slices.DeleteFunc(o.Faults, func(f Fault) bool { return f.Disks && o.DiskBytes == 0 || f.Cables && !o.Namespaces })
	binary, err := cluster.Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.System = cluster.Troupe(binary, "min.insync.replicas=2", "offsets.topic.num.partitions=4", "group.initial.rebalance.delay.ms=0", "replica.lag.time.max.ms=1000", "log.level=debug")
	o.Dir = cmp.Or(os.Getenv("NEMESIS_KEEP"), t.TempDir())
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Print(r)
	for _, v := range r.Violations {
		t.Errorf("a promise is broken: %s", v)
	}
	if r.Anew == 0 && names == "" {
		t.Error("no replica has missed what was deleted meanwhile")
	}
	for _, s := range r.Summaries() {
		if minutes > 0 && s.Missed() > 3 {
			t.Errorf("%s misses its target %.1f times", s.Fault.Name, s.Missed())
		}
	}
}

// diskBytes are enough for what is written in ten minutes, with the floods of full disks, each of which leaves 100 MB behind. What is not written takes no space.
const diskBytes = 4 << 30

// named picks faults by their names, one as often as it is named.
func named(t *testing.T, from []Fault, names []string) (out []Fault) {
	t.Helper()
	for _, name := range names {
		i := slices.IndexFunc(from, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			t.Fatalf("there is no fault %q", name)
		}
		out = append(out, from[i])
	}
	return out
}

func number(t *testing.T, name string, or int) int {
	t.Helper()
	v, ok := os.LookupEnv(name)
	if !ok {
		return or
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
