package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Every command of ours that the manual shows is one that there is, with flags and arguments that it takes.
func TestManualsCommands(t *testing.T) {
	pages := manualPages()
	if len(pages) == 0 {
		t.Fatal("there are no pages")
	}
	commands := 0
	for _, page := range pages {
		var text bytes.Buffer
		if code := run(t.Context(), []string{"manual", page}, strings.NewReader(""), &text, io.Discard); code != exitOK {
			t.Fatalf("%s: exit code %d", page, code)
		}
		for line := range strings.Lines(text.String()) {
			call, ok := strings.CutPrefix(line, "    troupe ")
			if !ok {
				continue
			}
			commands++
			call, _, _ = strings.Cut(call, " | ")
			args := strings.Fields(call)
			root := newRoot(&console{out: io.Discard, err: io.Discard})
			cmd, rest, err := root.Find(args)
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil || !cmd.Runnable() {
				t.Errorf("page %s, %s: %v", page, strings.Join(args, " "), err)
			}
		}
	}
	if commands < 10 {
		t.Errorf("%d commands were found: the pages are written in another way now", commands)
	}
}

func TestManual(t *testing.T) {
	if code, out, _ := troupe(t, "", "manual"); code != exitOK || !strings.Contains(out, "operate      Operate a cluster\n") {
		t.Errorf("%d: %s", code, out)
	}
	if code, _, stderr := troupe(t, "", "manual", "nothing"); code != exitUsage || !strings.Contains(stderr, "the manual has no page nothing; it has failures, operate, watch") {
		t.Errorf("%d: %s", code, stderr)
	}
}
