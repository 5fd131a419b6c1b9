package nemesis

import (
	"testing"
	"time"
)

// A gap is as long as it was, and has no length where it was still open when patience was over.
func TestGap(t *testing.T) {
	from := time.Now()
	at := func(seconds int) time.Time { return from.Add(time.Duration(seconds) * time.Second) }
	for _, c := range []struct {
		beats []int // seconds
		want  time.Duration
	}{
		{[]int{1, 8, 10, 100, 150}, 90 * time.Second},
		{[]int{1, 2, 100, 150}, 98 * time.Second},
		{[]int{-1, 100}, 100 * time.Second},
		{[]int{1, 2}, Never},
		{nil, Never},
	} {
		b := newBeats(1)
		for _, s := range c.beats {
			b.at[0] = append(b.at[0], at(s))
		}
		if got := b.gap(0, from, at(150), time.Minute); got != c.want {
			t.Errorf("beats at %v: %v, want %v", c.beats, got, c.want)
		}
	}
}
