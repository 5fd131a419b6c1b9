package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// results are the values of all rounds, of this run and, where it measured only some figures, of earlier ones.
type results struct {
	Measures []*measure      `json:"measures"`
	fresh    map[string]bool // the measures of this run
}

// A measure is one quantity, with each system's values in the order of the rounds.
type measure struct {
	Name   string               `json:"name"`
	Unit   string               `json:"unit,omitempty"`
	When   time.Time            `json:"when"`
	Commit string               `json:"commit"`
	Values map[string][]float64 `json:"values"`
	// Never is how often, by system, there was no value because what was waited for never came.
	Never map[string]int `json:"never,omitempty"`
}

// never is the value of what never came, which is worse than any other.
var never = math.Inf(1)

// all are a system's values, with those that never came.
func (m *measure) all(system string) []float64 {
	return append(slices.Clone(m.Values[system]), slices.Repeat([]float64{never}, m.Never[system])...)
}

func (r *results) add(name, unit, system string, value float64) {
	if r.fresh == nil {
		r.fresh = map[string]bool{}
	}
	i := slices.IndexFunc(r.Measures, func(m *measure) bool { return m.Name == name })
	if i < 0 {
		i = len(r.Measures)
		r.Measures = append(r.Measures, &measure{Name: name, Unit: unit, Values: map[string][]float64{}})
	}
	m := r.Measures[i]
	r.fresh[name] = true
	m.When = time.Now().UTC().Truncate(time.Second)
	if value == never {
		if m.Never == nil {
			m.Never = map[string]int{}
		}
		m.Never[system]++
		return
	}
	m.Values[system] = append(m.Values[system], value)
}

// spread returns the least, the middle and the largest value.
func spread(values []float64) (least, median, most float64) {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return 0, 0, 0
	}
	return s[0], s[len(s)/2], s[len(s)-1]
}

const (
	ours      = "troupe"
	unsynced  = "kafka"
	flushOne  = "kafka flush=1"
	missedFar = 3 // a target that is missed by more than this factor is a failure
)

var systemNames = []string{ours, unsynced, flushOne}

// A target is what a measure's median should be: at least, or at most, a multiple of another system's median, or a number where there is no such system.
type target struct {
	of    string
	bound float64
	least bool
	worst bool // it is the largest of the values that counts, not the median
}

var targets = map[string]target{
	"produce 1 KiB":                 {of: flushOne, bound: 1, least: true},
	"producer-perf, 16 KiB batches": {of: flushOne, bound: 3, least: true},
	"produce 100 B":                 {of: unsynced, bound: 0.9, least: true},
	"ack p50":                       {bound: 1},
	"ack p99":                       {bound: 8},
	"CPU in":                        {of: flushOne, bound: 1.5},
	"CPU out":                       {of: unsynced, bound: 1.5},
	"device bytes per byte":         {bound: 2.3},
	"consume 1 KiB from memory":     {of: unsynced, bound: 0.9, least: true},
	"start, empty":                  {bound: 0.15},
	"restart with 5,000 partitions": {bound: 2},
	"memory idle":                   {bound: 40},
	"memory with 5,000 partitions":  {bound: 250},
	"memory under load":             {bound: 600},

	"3 nodes: produce 1 KiB":                           {of: flushOne, bound: 0.7, least: true},
	"3 nodes: produce 100 B":                           {of: flushOne, bound: 0.7, least: true},
	"3 nodes: ack p50 through a client without linger": {of: unsynced, bound: 0.2},
	"3 nodes: memory under load":                       {of: unsynced, bound: 0.4},
	"3 nodes: kill, longest gap where it led":          {bound: 1, worst: true},
	"3 nodes: kill, longest gap elsewhere":             {bound: 0.2, worst: true},
	"3 nodes: kill, broken promises":                   {},
	"3 nodes: freeze, longest gap where it led":        {bound: 2.5, worst: true},
	"3 nodes: freeze, longest gap of new connections":  {bound: 1.5, worst: true},
	"3 nodes: freeze, broken promises":                 {},
	"3 nodes: rolling, longest gap where it led":       {bound: 0.3, worst: true},
	"3 nodes: rolling, broken promises":                {},
	"3 nodes: kill-all, longest gap where it led":      {bound: 3, worst: true},
	"3 nodes: kill-all, broken promises":               {},
	"3 nodes: power, longest gap where it led":         {bound: 3, worst: true},
	"3 nodes: power, broken promises":                  {},
}

// String is the target as the table shows it.
func (t target) String() string {
	text := "≤ "
	if t.least {
		text = "≥ "
	}
	text += strconv.FormatFloat(t.bound, 'f', -1, 64)
	if t.worst {
		text += " at worst"
	}
	switch t.of {
	case unsynced:
		text += "× Kafka"
	case flushOne:
		text += "× flush=1"
	}
	return text
}

// missed is by which factor the target is missed; 1 and less where it is reached.
func (t target) missed(m *measure) float64 {
	_, own, most := spread(m.all(ours))
	if t.worst {
		own = most
	}
	bound := t.bound
	if t.of != "" {
		_, other, _ := spread(m.all(t.of))
		bound *= other
	}
	if t.least {
		own, bound = bound, own
	}
	if own <= bound {
		return 1
	}
	return own / bound
}

// verdict is what the table says about a measure's target, and whether it is missed by far.
func (m *measure) verdict() (text string, far bool) {
	t, ok := targets[m.Name]
	if !ok || len(m.all(ours)) == 0 || t.of != "" && len(m.all(t.of)) == 0 {
		return "", false
	}
	missed := t.missed(m)
	if missed <= 1 {
		return t.String() + ": ok", false
	}
	return t.String() + ": missed", missed > missedFar
}

// table returns the results for people: for each measure each system's minimum, median and maximum, troupe's median as a ratio of Kafka's, and what
// has become of its target.
func (r *results) table() string {
	var w strings.Builder
	w.WriteString("| measure | troupe | Kafka | Kafka flush=1 | troupe / Kafka | troupe / flush=1 | target | measured |\n|---|---|---|---|---|---|---|---|\n")
	for _, m := range r.Measures {
		name := m.Name
		if m.Unit != "" {
			name += ", " + m.Unit
		}
		fmt.Fprintf(&w, "| %s |", name)
		medians := map[string]float64{}
		for _, s := range systemNames {
			least, median, most := spread(m.all(s))
			medians[s] = median
			if len(m.all(s)) == 0 {
				w.WriteString(" |") // it was not measured
				continue
			}
			fmt.Fprintf(&w, " %s / **%s** / %s |", shown(least), shown(median), shown(most))
		}
		for _, s := range systemNames[1:] {
			if medians[s] == 0 || medians[s] == never || medians[ours] == never {
				w.WriteString(" |")
				continue
			}
			fmt.Fprintf(&w, " %.2f |", medians[ours]/medians[s])
		}
		verdict, _ := m.verdict()
		fmt.Fprintf(&w, " %s | %s, %s |\n", verdict, m.When.Format(time.DateOnly), m.Commit)
	}
	return w.String()
}

// shown is a value as the table shows it.
func shown(value float64) string {
	if value == never {
		return "never"
	}
	return strconv.FormatFloat(value, 'g', 3, 64)
}

// The files of the results. The notes are written by people: where a target is missed, the profile and the reason.
const (
	tableFile = "load.md"
	dataFile  = "load.json"
	chartFile = "load.svg"
	notesFile = "load-notes.md"
)

// merge takes over what an earlier run measured and this one did not, in the order in which the table has always had it.
func (r *results) merge(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, dataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old results
	if err := json.Unmarshal(b, &old); err != nil {
		return fmt.Errorf("%s: %w", dataFile, err)
	}
	var merged []*measure
	for _, was := range old.Measures {
		i := slices.IndexFunc(r.Measures, func(m *measure) bool { return m.Name == was.Name })
		if i < 0 {
			merged = append(merged, was)
			continue
		}
		merged = append(merged, r.Measures[i])
		r.Measures = slices.Delete(r.Measures, i, i+1)
	}
	r.Measures = append(merged, r.Measures...)
	return nil
}

// write leaves the table, the values and the chart in a folder. It fails where a target is missed by far: that is more than a noisy machine.
func (r *results) write(dir, commit string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, m := range r.Measures {
		m.Commit = commit
	}
	if err := r.merge(dir); err != nil {
		return err
	}
	notes, err := os.ReadFile(filepath.Join(dir, notesFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("Minimum / **median** / maximum of the rounds.\n\n%s\n%s", r.table(), notes)
	fmt.Print("\n", text)
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{tableFile: []byte(text), dataFile: append(b, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	if err := r.chart(filepath.Join(dir, chartFile)); err != nil {
		return err
	}
	var far []string
	for _, m := range r.Measures {
		if _, isFar := m.verdict(); isFar && r.fresh[m.Name] {
			far = append(far, m.Name)
		}
	}
	if len(far) > 0 {
		return fmt.Errorf("missed by more than %d times: %s", missedFar, strings.Join(far, ", "))
	}
	return nil
}

// spreads are the points of a chart with how far they reach.
type spreads struct {
	plotter.XYs
	plotter.YErrors
}

// chart draws troupe's medians, of what came, as ratios of Kafka's, one bar for each of its configurations, with the range: from troupe's least by Kafka's most to troupe's most by
// Kafka's least.
func (r *results) chart(file string) error {
	p := plot.New()
	p.Title.Text = "troupe as a ratio of Apache Kafka 4.3.1"
	p.Y.Label.Text = "ratio of the medians"
	var names []string
	bars, ranges := map[string]plotter.Values{}, map[string]*spreads{unsynced: {}, flushOne: {}}
	for _, m := range r.Measures {
		names = append(names, m.Name)
		least, own, most := spread(m.Values[ours])
		for i, s := range systemNames[1:] {
			var ratio, below, above float64
			if otherLeast, other, otherMost := spread(m.Values[s]); otherLeast > 0 {
				ratio = own / other
				below, above = ratio-least/otherMost, most/otherLeast-ratio
			}
			bars[s] = append(bars[s], ratio)
			x := float64(len(names)-1) + (float64(i)-0.5)*0.27 // about where its bar is
			ranges[s].XYs = append(ranges[s].XYs, plotter.XY{X: x, Y: ratio})
			ranges[s].YErrors = append(ranges[s].YErrors, struct{ Low, High float64 }{max(0, below), max(0, above)})
		}
	}
	const width = 12
	for i, s := range systemNames[1:] {
		b, err := plotter.NewBarChart(bars[s], vg.Points(width))
		if err != nil {
			return err
		}
		b.Color = plotutil.Color(i)
		b.Offset = vg.Points(width * (float64(i) - 0.5))
		p.Add(b)
		p.Legend.Add("of "+s, b)
		whiskers, err := plotter.NewYErrorBars(ranges[s])
		if err != nil {
			return err
		}
		p.Add(whiskers)
	}
	p.Legend.Top = true
	p.NominalX(names...)
	p.X.Tick.Label.Rotation = 0.6
	p.X.Tick.Label.XAlign = draw.XRight
	p.X.Tick.Label.YAlign = draw.YTop
	p.X.Max = float64(len(names)) // room for the legend and the last label
	return p.Save(vg.Length(len(names)+4)*vg.Centimeter*1.6, 12*vg.Centimeter, file)
}
