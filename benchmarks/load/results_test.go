package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What never came is neither left out nor a zero: it is worse than everything that did, in the table and before the target, also when later runs take it over.
func TestNever(t *testing.T) {
	const name = "3 nodes: power, longest gap where it led"
	for _, c := range []struct {
		ours, theirs []float64
		row          string
		far          bool
	}{
		{[]float64{1}, []float64{never}, "| 1 / **1** / 1 | never / **never** / never | | | | ≤ 3 at worst: ok |", false},
		{[]float64{1, 2, 2}, []float64{10, never, 10}, "| 1 / **2** / 2 | 10 / **10** / never | | 0.20 | | ≤ 3 at worst: ok |", false},
		{[]float64{1, 2, never}, []float64{10}, "| 1 / **2** / never | 10 / **10** / 10 | | 0.20 | | ≤ 3 at worst: missed |", true},
	} {
		dir := t.TempDir()
		var r results
		for _, v := range c.ours {
			r.add(name, "s", ours, v)
		}
		for _, v := range c.theirs {
			r.add(name, "s", unsynced, v)
		}
		if err := r.write(dir, "abc"); (err != nil) != c.far {
			t.Errorf("%s: %v", c.row, err)
		}
		var later results
		if err := later.merge(dir); err != nil {
			t.Fatal(err)
		}
		table, err := os.ReadFile(filepath.Join(dir, tableFile))
		if err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string]string{"written": string(table), "taken over": later.table()} {
			if !strings.Contains(got, c.row) {
				t.Errorf("%s: %s lacks %s", what, got, c.row)
			}
		}
	}
}
