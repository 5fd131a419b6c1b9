package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// What the faults are made of does what it says: a node that is cut off is missed by the others, and they by it, whichever way is cut; one that is killed, frozen
// or asked to end is missed and comes back. Whoever is cut off by a wire or by lost packets is reached by clients, and whose cable is pulled is not.
func TestCluster(t *testing.T) {
	binary, err := Build("../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("wires", func(t *testing.T) {
		testCluster(t, Options{System: Troupe(binary), Dir: t.TempDir(), Nodes: 3, Wires: true})
	})
	t.Run("namespaces", func(t *testing.T) {
		if err := CanUnplug(); err != nil {
			t.Skip("skipped: ", err)
		}
		testCluster(t, Options{System: Troupe(binary), Dir: t.TempDir(), Nodes: 3, Namespaces: true})
	})
}

func testCluster(t *testing.T, o Options) {
	c, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.CreateTopic(ctx, "orders", 3, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitWhole(ctx); err != nil {
		t.Fatal(err)
	}
	victim := c.Node(3)
	isolate := func() error { return c.Isolate(victim) }
	mute := func() error { return errors.Join(c.Cut(victim, c.Node(1)), c.Cut(victim, c.Node(2))) }
	kill := func() error {
		victim.Kill()
		return nil
	}
	interrupt := func() error { return victim.Interrupt(ctx) }
	cases := []struct {
		name        string
		strike, end func() error
		reached     bool // by clients, meanwhile
	}{
		{"cut off", isolate, c.Mend, true},
		{"not heard", mute, c.Mend, true},
		{"frozen", victim.Freeze, victim.Thaw, false},
		{"killed", kill, victim.Start, false},
		{"asked to end", interrupt, victim.Start, false},
	}
	if c.CanUnplug() {
		unplug := func() error { return c.Unplug(victim) }
		cases = append(cases, cases[0])
		cases[0].name, cases[0].strike, cases[0].reached = "unplugged", unplug, false
	}
	for _, x := range cases {
		if err := x.strike(); err != nil {
			t.Fatalf("a node can't be %s: %v", x.name, err)
		}
		missing := func() bool {
			partitions, _, err := c.Node(1).Partitions(ctx)
			return err == nil && slices.ContainsFunc(partitions, func(p Partition) bool { return p.Leader != victim.ID && !slices.Contains(p.InSync, victim.ID) })
		}
		for !missing() {
			if ctx.Err() != nil {
				t.Fatalf("nobody misses a node that is %s", x.name)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if _, _, err := victim.Partitions(ctx); (err == nil) != x.reached {
			t.Errorf("a client asks a node that is %s: %v", x.name, err)
		}
		if err := x.end(); err != nil {
			t.Fatalf("a node that is %s can't come back: %v", x.name, err)
		}
		if err := c.AwaitWhole(ctx); err != nil {
			t.Fatalf("after a node was %s: %v", x.name, err)
		}
	}
	if u := c.Unexpected(); len(u) > 0 {
		t.Errorf("node %d has ended by itself", u[0].ID)
	}
}

// A disk that is filled takes nothing more, and one that loses power keeps what was synced and nothing else.
func TestDisk(t *testing.T) {
	if err := CanMount(); err != nil {
		if os.Getenv("TEST_TOOLS") == "required" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("skipped: ", err)
	}
	dir := t.TempDir()
	d, err := NewDisk(filepath.Join(dir, "image"), filepath.Join(dir, "disk"), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Unmount()
	if err := d.Fill(0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Dir, "more"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk answers a write with %v", err)
	}
	if err := d.Free(); err != nil {
		t.Fatal(err)
	}
	write := func(name string, sync bool) {
		f, err := os.Create(filepath.Join(d.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("something"); err != nil {
			t.Fatal(err)
		}
		if sync {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("synced", true)
	write("not-synced", false)
	if err := d.CutPower(); err != nil {
		t.Fatal(err)
	}
	if err := d.Restore(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"synced": "something", "not-synced": ""} {
		got, err := os.ReadFile(filepath.Join(d.Dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
}
