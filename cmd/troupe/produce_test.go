package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Once its broker is gone a producer does not wait for ever: it tells how much was not acknowledged, and ends.
func TestProduceWithoutBroker(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	in, stdin := io.Pipe()
	defer stdin.Close()
	acknowledged := make(chan struct{})
	out := &lines{want: "\n", found: func() { close(acknowledged) }}
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(context.Background(), []string{"produce", "orders", "--json", "--timeout", "1s", "-b", server.kafka}, in, out, &stderr)
	}()
	write(t, stdin, "while it works\n")
	<-acknowledged
	server.kill()
	write(t, stdin, "a\nb\nc\n") // and the input stays open
	select {
	case code := <-ended:
		if text := stderr.String(); code != exitFailed || !strings.Contains(text, "troupe: 3 records were not acknowledged: ") || strings.Count(text, "\n") != 1 {
			t.Errorf("it ends with %d: %s", code, text)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}

// Ctrl+C ends the wait for a broker that is gone before the records' own time is over.
func TestProduceInterruptedWithoutBroker(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	o, err := producerOptions("none", "all", -1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(server.kafka), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(context.Background(), kgo.StringRecord("while it works")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	server.kill()
	in, stdin := io.Pipe()
	defer stdin.Close()
	p := &producing{b: &broker{c: &console{in: in}}, client: client, patience: 100 * time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- p.run(ctx, func(line string) (*kgo.Record, error) {
			cancel()
			return kgo.StringRecord(line), nil
		})
	}()
	write(t, stdin, "x\n")
	select {
	case err := <-ended:
		if fmt.Sprint(err) != "1 record was not acknowledged: no answer within 100ms" {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}

// The second Ctrl+C ends the command, whatever it waits for.
func TestProduceInterruptedTwice(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	path, err := troupeBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "produce", "orders", "--json", "-b", server.kafka)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write(t, stdin, "while it works\n")
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil { // it is acknowledged
		t.Fatal(err)
	}
	server.kill()
	write(t, stdin, "x\n")
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(ended)
	}()
	again := time.NewTicker(50 * time.Millisecond) // one that comes before the first was heard counts as the first
	defer again.Stop()
	for timeout := time.After(flushWithin - time.Second); ; {
		select {
		case <-ended:
			if !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
				t.Errorf("it ended by itself: %s", cmd.ProcessState)
			}
			return
		case <-again.C:
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		case <-timeout:
			_ = cmd.Process.Kill()
			t.Fatal("it goes on")
		}
	}
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// What came of a line when the input fails is not published: it may be half of a record.
func TestLinesOfAnInputThatFails(t *testing.T) {
	broken := errors.New("the pipe is broken")
	for _, c := range []struct {
		input io.Reader
		want  string
	}{
		{strings.NewReader("a\nb"), "a,b,EOF"},
		{io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), "a," + broken.Error()},
	} {
		in := bufio.NewReader(c.input)
		var got []string
		for {
			line, err := readLine(in)
			if err != nil {
				got = append(got, err.Error())
				break
			}
			got = append(got, line)
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
