package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// troupe runs a command and returns its exit code and what it printed.
func troupe(t *testing.T, stdin string, args ...string) (code int, out, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var o, e bytes.Buffer
	code = run(ctx, args, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

func TestCommands(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir(), "--set", "group.initial.rebalance.delay.ms=0")...)
	var numbers strings.Builder
	for i := range 1000 {
		fmt.Fprintln(&numbers, i)
	}
	for _, c := range []struct {
		args  string
		stdin string
		code  int
		want  string // stdout; with a leading … only its end, stderr where the code is not 0
	}{
		{args: "topic create orders -p 1 --config retention.ms=3600000", want: "created topic orders\n"},
		{args: "topic create orders", code: 1, want: "topic orders: TOPIC_ALREADY_EXISTS: Topic 'orders' already exists."},
		{args: "topic create orders --if-not-exists"},
		{args: "topic create bad/name", code: 1, want: "INVALID_TOPIC_EXCEPTION"},
		{args: "topic create other --config no.such=1", code: 1, want: "INVALID_CONFIG"},
		{args: "topic create other --config nonsense", code: 2, want: "NAME=VALUE"},
		{args: "topic create", code: 2, want: "requires at least 1 arg"},
		{args: "topic list", want: "orders\n"},
		{args: "topic list --json", want: "[\"orders\"]\n"},
		{args: "topic describe orders", want: "  partitions 1  retention.ms=3600000\n  PARTITION  LEADER  EPOCH  REPLICAS  IN SYNC\n  0          1       1      1         1\n"},
		{args: "topic describe nothing", code: 1, want: "topic nothing: UNKNOWN_TOPIC_OR_PARTITION"},
		{args: "topic alter orders --config max.message.bytes=5000000 --delete-config retention.ms", want: "altered topic orders\n"},
		{args: "topic describe orders", want: "  partitions 1  max.message.bytes=5000000\n"},
		{args: "topic alter orders", code: 2, want: "nothing to change"},
		{args: "topic alter orders -p 1", code: 1, want: "INVALID_PARTITIONS"},
		{args: "topic alter orders -p 2 --config retention.ms=soon", code: 1, want: "INVALID_CONFIG"},
		{args: "topic alter orders -p 2 --delete-config no.such", code: 1, want: "topic orders: there is no setting no.such"},
		{args: "topic alter nothing --delete-config retention.ms", code: 1, want: "topic nothing: UNKNOWN_TOPIC_OR_PARTITION"},
		{args: "topic describe orders", want: "  partitions 1  max.message.bytes=5000000\n"},
		{args: "produce orders", stdin: numbers.String()},
		{args: "consume orders --from-beginning -n 1000", want: numbers.String()},
		{args: "consume orders --offset 998 --timeout 2s", want: "998\n999\n"},
		{args: "consume orders --from-beginning -n 1000 --group billing", want: numbers.String()},
		{args: "produce orders -k : --header source=test --compression zstd", stdin: "key:value\nkey:no end of line"},
		{args: "produce orders -k :", stdin: "nothing between\n", code: 1, want: "has no \":\""},
		{args: "consume orders --group billing -n 2 --print-key --print-headers --print-offset", want: "0:1000\tsource=test\tkey\tvalue\n0:1001\tsource=test\tkey\tno end of line\n"},
		{args: "produce orders --json --acks 1", stdin: "x\n", want: "{\"offset\":1002,\"partition\":0,\"topic\":\"orders\"}\n"},
		{args: "produce acks --json --acks 0", stdin: "x\n", want: "{\"partition\":0,\"topic\":\"acks\"}\n"},
		{args: "produce orders --partition -5", code: 2, want: "--partition -5"},
		{args: "produce orders --partition 5", stdin: "x\ny\n", code: 1, want: "not acknowledged: "},
		{args: "produce orders --timeout 1ms", code: 2, want: "--timeout 1ms"},
		{args: "consume nothing", code: 1, want: "topic nothing: UNKNOWN_TOPIC_OR_PARTITION"},
		{args: "consume nothing --group g", code: 1, want: "topic nothing: UNKNOWN_TOPIC_OR_PARTITION"},
		{args: "consume orders --partition 0,9", code: 1, want: "topic orders has no partition 9"},
		{args: "consume orders -n -1", code: 2, want: "--max-messages -1"},
		{args: "consume orders --timeout -1s", code: 2, want: "--timeout -1s"},
		{args: "consume orders --offset 1 --from-beginning", code: 2, want: "from-beginning"},
		{args: "consume orders --offset 100000", code: 1, want: "--offset 100000: partition 0 of topic orders holds offsets from 0 up to 1003"},
		{args: "consume orders --offset 100000 --partition 0", code: 1, want: "--offset 100000: partition 0 of topic orders"},
		{args: "produce orders --acks 7", code: 2, want: "--acks 7"},
		{args: "produce orders --compression best", code: 2, want: "--compression best"},
		{args: "consume orders --offset soon", code: 2, want: "--offset soon"},
		{args: "consume orders --offset 1 --group g", code: 2, want: "--group goes without"},
		{args: "cluster status", want: "…METADATA    LAG\n1     " + server.kafka + "  -     live   controller  0\npartitions 52  leaderless 0  under-replicated 0  reassignments 0\n"},
		{args: "group list", want: "GROUP    STATE  TYPE\nbilling  Empty  consumer\n"},
		{args: "group describe billing", want: "group billing  Empty  members 0\n  TOPIC   PARTITION  COMMITTED  END   LAG  MEMBER  HOST\n  orders  0          1002       1003  1            \n"},
		{args: "group describe nobody", code: 1, want: "troupe: there is no group nobody\n"},
		{args: "group reset-offsets billing --topic orders --to-offset 5", want: "TOPIC   PARTITION  FROM  TO\norders  0          1002  5\nnothing was changed; --execute does it\n"},
		{args: "group reset-offsets billing --topic orders:0 --shift-by -2 --execute", want: "TOPIC   PARTITION  FROM  TO\norders  0          1002  1000\n"},
		{args: "group reset-offsets billing --topic orders --to-earliest --execute --json", want: "{\"executed\":true,\"group\":\"billing\",\"partitions\":[{\"from\":1000,\"partition\":0,\"to\":0,\"topic\":\"orders\"}]}\n"},
		{args: "group reset-offsets billing --topic orders --to-latest", want: "TOPIC   PARTITION  FROM  TO\norders  0          0     1003\nnothing was changed; --execute does it\n"},
		{args: "group reset-offsets billing --topic orders --to-datetime 1969-01-01T00:00:00Z", want: "TOPIC   PARTITION  FROM  TO\norders  0          0     0\nnothing was changed; --execute does it\n"},
		{args: "group reset-offsets billing --topic orders --to-datetime 2020-01-01T00:00:00.000", want: "TOPIC   PARTITION  FROM  TO\norders  0          0     0\nnothing was changed; --execute does it\n"},
		{args: "group reset-offsets billing --topic orders --to-datetime 2999-01-01T00:00:00.000+0200", want: "TOPIC   PARTITION  FROM  TO\norders  0          0     1003\nnothing was changed; --execute does it\n"},
		{args: "group reset-offsets billing --topic orders --to-datetime yesterday", code: 2, want: "--to-datetime yesterday"},
		{args: "group reset-offsets billing --topic orders:99 --to-latest", code: 1, want: "topic orders has no partition 99"},
		{args: "group reset-offsets billing --topic nothing --to-latest", code: 1, want: "troupe: topic nothing: UNKNOWN_TOPIC_OR_PARTITION: This server does not host this topic-partition.\n"},
		{args: "group reset-offsets other --topic orders --shift-by 1", code: 1, want: "group other has no offset in partition 0 of topic orders to shift"},
		{args: "topic create wide -p 2", want: "created topic wide\n"},
		{args: "group reset-offsets billing --topic wide:0 --topic wide --to-latest", want: "TOPIC  PARTITION  FROM  TO\nwide   0          -1    0\nwide   1          -1    0\nnothing was changed; --execute does it\n"},
		{args: "topic delete wide", want: "deleted topic wide\n"},
		{args: "topic delete acks", want: "deleted topic acks\n"},
		{args: "topic alter orders --partition 3", code: 2, want: "unknown flag: --partition; the nearest known one is --partitions"},
		{args: "group reset-offsets billing --topic orders", code: 2, want: "to-earliest"},
		{args: "group reset-offsets billing --topic orders --to-latest --to-earliest", code: 2, want: "to-earliest"},
		{args: "group delete billing", want: "deleted group billing\n"},
		{args: "group delete billing", code: 1, want: "GROUP_ID_NOT_FOUND"},
		{args: "topic delete orders", want: "deleted topic orders\n"},
		{args: "topic delete orders", code: 1, want: "UNKNOWN_TOPIC_OR_PARTITION"},
		{args: "topic delete orders --if-exists"},
	} {
		args := append(strings.Fields(c.args), "-b", server.kafka)
		code, out, stderr := troupe(t, c.stdin, args...)
		if code != c.code {
			t.Errorf("troupe %s ends with %d, want %d: %s%s", c.args, code, c.code, out, stderr)
			continue
		}
		switch {
		case c.code != 0 && strings.Contains(stderr, c.want):
		case c.code == 0 && (out == c.want || strings.HasPrefix(c.want, "…") && strings.HasSuffix(out, c.want[len("…"):]) || strings.HasPrefix(c.args, "topic describe") && strings.HasSuffix(out, c.want) || strings.Contains(c.args, "describe orders") && strings.Contains(out, c.want)):
		default:
			t.Errorf("troupe %s prints\n%s%s\nwant\n%s", c.args, out, stderr, c.want)
		}
		if strings.Contains(c.args, "--json") && !json.Valid([]byte(out)) {
			t.Errorf("troupe %s prints %s, which is not JSON", c.args, out)
		}
	}
}

// Ctrl+C ends a consumer that waits, and a group's offsets are committed.
func TestConsumeUntilInterrupted(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	if code, _, stderr := troupe(t, "a\nb\n", "produce", "orders", "-b", server.kafka); code != 0 {
		t.Fatal(stderr)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := &lines{found: cancel, want: "b\n"}
	var stderr bytes.Buffer
	if code := run(ctx, []string{"consume", "orders", "--from-beginning", "-b", server.kafka}, nil, out, &stderr); code != exitOK {
		t.Errorf("ends with %d: %s", code, stderr.String())
	}
	if got := out.String(); got != "a\nb\n" {
		t.Errorf("printed %q", got)
	}
}

// lines calls found once its text ends as wanted.
type lines struct {
	bytes.Buffer
	want  string
	found func()
}

func (l *lines) Write(b []byte) (int, error) {
	n, err := l.Buffer.Write(b)
	if strings.HasSuffix(l.String(), l.want) {
		l.found()
	}
	return n, err
}

func TestNoBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	code, _, stderr := troupe(t, "", "topic", "list", "-b", l.Addr().String())
	if code != exitFailed || !strings.Contains(stderr, "no broker answers at "+l.Addr().String()) {
		t.Errorf("ends with %d: %s", code, stderr)
	}
}

// Every command explains itself with an example.
func TestHelp(t *testing.T) {
	var visit func(path []string)
	visit = func(path []string) {
		code, out, _ := troupe(t, "", append(path, "--help")...)
		if code != exitOK {
			t.Errorf("%v --help ends with %d", path, code)
		}
		if !strings.Contains(out, "Examples:") {
			t.Errorf("troupe %s has no example", strings.Join(path, " "))
		}
		_, rest, _ := strings.Cut(out, "Available Commands:\n")
		for line := range strings.Lines(rest) {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name == "" {
				break
			}
			if name != "help" && name != "completion" {
				visit(append(path[:len(path):len(path)], name))
			}
		}
	}
	visit(nil)
}
