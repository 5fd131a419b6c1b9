package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// results are the values of all rounds.
type results struct {
	When     time.Time  `json:"when"`
	Measures []*measure `json:"measures"`
}

// A measure is one quantity, with each system's values in the order of the rounds.
type measure struct {
	Name   string               `json:"name"`
	Unit   string               `json:"unit,omitempty"`
	Values map[string][]float64 `json:"values"`
}

func (r *results) add(name, unit, system string, value float64) {
	i := slices.IndexFunc(r.Measures, func(m *measure) bool { return m.Name == name })
	if i < 0 {
		i = len(r.Measures)
		r.Measures = append(r.Measures, &measure{name, unit, map[string][]float64{}})
	}
	m := r.Measures[i]
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

var systemNames = []string{"troupe", "kafka", "kafka flush=1"}

// table returns the results for people: for each measure each system's minimum, median and maximum, and troupe's median as a ratio of Kafka's.
func (r *results) table() string {
	var w strings.Builder
	w.WriteString("| measure | troupe | Kafka | Kafka flush=1 | troupe / Kafka | troupe / flush=1 |\n|---|---|---|---|---|---|\n")
	for _, m := range r.Measures {
		name := m.Name
		if m.Unit != "" {
			name += ", " + m.Unit
		}
		fmt.Fprintf(&w, "| %s |", name)
		medians := map[string]float64{}
		for _, s := range systemNames {
			least, median, most := spread(m.Values[s])
			medians[s] = median
			fmt.Fprintf(&w, " %.3g / **%.3g** / %.3g |", least, median, most)
		}
		for _, s := range systemNames[1:] {
			if medians[s] == 0 {
				w.WriteString(" |")
				continue
			}
			fmt.Fprintf(&w, " %.2f |", medians["troupe"]/medians[s])
		}
		w.WriteString("\n")
	}
	return w.String()
}

// write leaves load.md, load.json and load.svg in a folder.
func (r *results) write(dir string) error {
	r.When = time.Now().UTC().Truncate(time.Second)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("Minimum / **median** / maximum of the rounds, measured %s.\n\n%s", r.When.Format(time.DateOnly), r.table())
	fmt.Print("\n", text)
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"load.md": []byte(text), "load.json": append(b, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return r.chart(filepath.Join(dir, "load.svg"))
}

// chart draws troupe's medians as ratios of Kafka's, one bar for each of its configurations.
func (r *results) chart(file string) error {
	p := plot.New()
	p.Title.Text = "troupe as a ratio of Apache Kafka 4.3.1"
	p.Y.Label.Text = "ratio of the medians"
	var names []string
	bars := map[string]plotter.Values{}
	for _, m := range r.Measures {
		names = append(names, m.Name)
		_, own, _ := spread(m.Values["troupe"])
		for _, s := range systemNames[1:] {
			ratio := 0.0
			if _, other, _ := spread(m.Values[s]); other > 0 {
				ratio = own / other
			}
			bars[s] = append(bars[s], ratio)
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
	}
	p.Legend.Top = true
	p.NominalX(names...)
	p.X.Tick.Label.Rotation = 0.6
	p.X.Tick.Label.XAlign = -0.9
	p.X.Tick.Label.YAlign = -0.5
	return p.Save(vg.Length(len(names)+4)*vg.Centimeter*1.6, 12*vg.Centimeter, file)
}
