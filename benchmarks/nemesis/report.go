package nemesis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Never is how long something took that was not there when patience was over.
const Never = time.Duration(math.MaxInt64)

// A Turn is what one fault did.
type Turn struct {
	Fault   Fault
	Victims []int32
	Struck  time.Duration // how long it held
	Whole   time.Duration // from its end until the cluster was whole
	// Led and Others are the longest gaps in what was acknowledged on partitions that victims led, and on all others; 0 where there were none of them.
	Led, Others time.Duration
	// Fresh and Default are those of the probes, on partitions that victims led; 0 where there are no probes.
	Fresh, Default time.Duration
}

// String shows a turn as one line.
func (t Turn) String() string {
	return fmt.Sprintf("%s of %s held %.2f s, whole after %s; longest gap %s where victims led, %s elsewhere",
		t.Fault.Name, strings.Trim(fmt.Sprint(t.Victims), "[]"), t.Struck.Seconds(), millis(t.Whole), millis(t.Led), millis(t.Others))
}

func millis(d time.Duration) string {
	switch d {
	case 0:
		return "-"
	case Never:
		return "never"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// A Report is what came of a run.
type Report struct {
	Seed         uint64
	Turns        []Turn
	Violations   []string
	Acknowledged int
	ReadBack     int // of these, which were read back after one of the turns
	Refused      int // what minorities have refused
	Compared     int // batches that all replicas have
	Topics       int // that were made while faults went on
	Deleted      int64
	Anew         int // replicas that had missed what was deleted, and went on from a snapshot
	Took         time.Duration
}

// A Summary is what all turns of one fault did.
type Summary struct {
	Fault              Fault
	Turns              int
	Whole, Led, Others time.Duration // the worst
}

// Summaries returns one for each fault that struck, in the order in which they first did.
func (r *Report) Summaries() (out []Summary) {
	for _, t := range r.Turns {
		i := slices.IndexFunc(out, func(s Summary) bool { return s.Fault.Name == t.Fault.Name })
		if i < 0 {
			i = len(out)
			out = append(out, Summary{Fault: t.Fault})
		}
		s := &out[i]
		s.Turns++
		s.Whole, s.Led, s.Others = max(s.Whole, t.Whole), max(s.Led, t.Led), max(s.Others, t.Others)
	}
	return out
}

// Missed tells by how much a target was missed: 1 where it was just met, 0 where there is none.
func (s Summary) Missed() (times float64) {
	if s.Fault.Led > 0 {
		times = s.Led.Seconds() / s.Fault.Led.Seconds()
	}
	if s.Fault.Others > 0 {
		times = max(times, s.Others.Seconds()/s.Fault.Others.Seconds())
	}
	return times
}

// String shows the report as a table, with the violations below it.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %5s  %12s  %22s  %22s\n", "fault", "turns", "whole after", "gap where victims led", "gap elsewhere")
	for _, s := range r.Summaries() {
		verdict := ""
		switch m := s.Missed(); {
		case m > 1:
			verdict = fmt.Sprintf("missed %.1f times", m)
		case m > 0:
			verdict = "ok"
		}
		against := func(d, target time.Duration) string {
			if target == 0 {
				return millis(d)
			}
			return fmt.Sprintf("%s (%d)", millis(d), target.Milliseconds())
		}
		fmt.Fprintf(&b, "%-14s %5d  %12s  %22s  %22s  %s\n", s.Fault.Name, s.Turns, millis(s.Whole), against(s.Led, s.Fault.Led), against(s.Others, s.Fault.Others), verdict)
	}
	fmt.Fprintf(&b, "the worst of all turns; in parentheses the targets\nseed %d: %d turns in %.0f s, %d records acknowledged, %d of them read back after a turn, %d refused by minorities, %d deleted, %d replicas that went on from a snapshot, %d topics made, %d batches alike on all replicas, %d violations\n",
		r.Seed, len(r.Turns), r.Took.Seconds(), r.Acknowledged, r.ReadBack, r.Refused, r.Deleted, r.Anew, r.Topics, r.Compared, len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintln(&b, "VIOLATION", v)
	}
	return b.String()
}
