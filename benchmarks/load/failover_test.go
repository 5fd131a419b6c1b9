package main

import (
	"fmt"
	"testing"
	"time"

	"troupe/benchmarks/nemesis"
)

// A gap of no partition is not taken down as one of no time, and neither is one that never ended.
func TestGapsThatWereNot(t *testing.T) {
	var noted []string
	e := &turn{note: func(measure, unit string, value float64) {
		noted = append(noted, fmt.Sprint(measure, " ", value, unit))
	}}
	e.noteGaps("kill", nemesis.Turn{Led: time.Second, Whole: 2 * time.Second})
	e.noteGaps("power", nemesis.Turn{Led: nemesis.Never, Whole: nemesis.Never})
	if got := fmt.Sprintf("%q", noted); got != `["kill, longest gap where it led 1s" "kill, whole again 2s" "power, longest gap where it led +Infs" "power, whole again +Infs"]` {
		t.Error(got)
	}
}
