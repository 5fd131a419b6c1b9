package conformance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kafkaClass returns the command that runs a class of Apache Kafka's.
func kafkaClass(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"java", "mvn", "flock"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, fmt.Errorf("Kafka's own tools need %s: %w", tool, err))
		}
	}
	path, err := filepath.Abs("../kafka/run-class")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KAFKA_HEAP", "-Xmx256m")
	return path
}

const (
	topicCommand    = "org.apache.kafka.tools.TopicCommand"
	consoleProducer = "org.apache.kafka.tools.ConsoleProducer"
	consoleConsumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	groupCommand    = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
	getOffsets      = "org.apache.kafka.tools.GetOffsetShell"
	configCommand   = "kafka.admin.ConfigCommand"
	deleteRecords   = "org.apache.kafka.tools.DeleteRecordsCommand"
)

// The session that every course on Kafka begins with: create a topic, publish lines, read them back from the beginning.
func TestConsoleSession(t *testing.T) {
	class := kafkaClass(t)
	b := start(t)
	var lines strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&lines, "line %d of the session\n", i)
	}
	if out := runTool(t, "", class, topicCommand, "--create", "--topic", "datajek-topic", "--bootstrap-server", b.bootstrap); !strings.Contains(out, "Created topic datajek-topic.") {
		t.Fatal(out)
	}

	// A producer that people end with Ctrl+C: the lines are there although its input never ends.
	producer := begin(t, class, consoleProducer, "--topic", "datajek-topic", "--bootstrap-server", b.bootstrap)
	if _, err := producer.in.WriteString(lines.String()); err != nil {
		t.Fatal(err)
	}
	consumer := begin(t, class, consoleConsumer, "--topic", "datajek-topic", "--from-beginning", "--bootstrap-server", b.bootstrap)
	consumer.until(func(out string) bool { return len(out) >= lines.Len() })
	producer.interrupt()
	consumer.interrupt()
	if got := consumer.text(); got != lines.String() {
		t.Errorf("%d bytes were read, %d written; they differ", len(got), lines.Len())
	}
	if !strings.Contains(consumer.errors(), "Processed a total of 10000 messages") {
		t.Errorf("the consumer says %s", last(consumer.errors()))
	}
}

// A tool is a running command that is ended by Ctrl+C.
type tool struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   *os.File
	out  string // file
	err  string
	done chan error
}

func begin(t *testing.T, name string, args ...string) *tool {
	t.Helper()
	dir := t.TempDir()
	c := &tool{t: t, cmd: exec.Command(name, args...), out: filepath.Join(dir, "out"), err: filepath.Join(dir, "err"), done: make(chan error, 1)}
	out, err := os.Create(c.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stderr, err := os.Create(c.err)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr, c.in = read, out, stderr, write
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read.Close()
	go func() { c.done <- c.cmd.Wait() }()
	t.Cleanup(func() {
		write.Close()
		_ = c.cmd.Process.Kill() // it may have ended
	})
	return c
}

func (c *tool) text() string {
	b, err := os.ReadFile(c.out)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func (c *tool) errors() string {
	b, err := os.ReadFile(c.err)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// until waits for what the tool prints.
func (c *tool) until(enough func(out string) bool) {
	c.t.Helper()
	for deadline := time.Now().Add(within); !enough(c.text()); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the tool has printed %d bytes and %s", len(c.text()), last(c.errors()))
		}
	}
}

// interrupt is Ctrl+C. A JVM that ends in order after it has the exit code 130.
func (c *tool) interrupt() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.done:
		if code := c.cmd.ProcessState.ExitCode(); code != 130 && code != 0 {
			c.t.Errorf("after Ctrl+C the tool ends with %d: %s", code, last(c.errors()))
		}
	case <-time.After(30 * time.Second):
		c.t.Errorf("Ctrl+C does not end the tool: %s", last(c.errors()))
	}
}

// What people do with Kafka's tools besides.
func TestKafkaTools(t *testing.T) {
	class := kafkaClass(t)
	b := start(t)
	do := func(stdin, want string, args ...string) {
		t.Helper()
		if out := runTool(t, stdin, class, append(args, "--bootstrap-server", b.bootstrap)...); !strings.Contains(out, want) {
			t.Errorf("%s prints %q, want %q", strings.Join(args, " "), out, want)
		}
	}
	do("", "Created topic orders.", topicCommand, "--create", "--topic", "orders", "--partitions", "2", "--config", "retention.ms=3600000")
	do("", "retention.ms=3600000", topicCommand, "--describe", "--topic", "orders")
	do("", "", topicCommand, "--alter", "--topic", "orders", "--partitions", "3")
	do("", "orders\n", topicCommand, "--list")
	do("", "Completed updating config for topic orders.", configCommand, "--alter", "--entity-type", "topics", "--entity-name", "orders", "--add-config", "max.message.bytes=2000000")
	do("", "max.message.bytes=2000000", configCommand, "--describe", "--entity-type", "topics", "--entity-name", "orders")
	do(strings.Repeat("key:value\n", 100), "", consoleProducer, "--topic", "orders", "--property", "parse.key=true", "--property", "key.separator=:")
	var out bytes.Buffer
	for _, line := range strings.Split(runTool(t, "", class, getOffsets, "--topic", "orders", "--bootstrap-server", b.bootstrap), "\n") {
		if !strings.HasSuffix(line, ":0") {
			out.WriteString(line)
		}
	}
	partition, ok := strings.CutSuffix(strings.TrimPrefix(out.String(), "orders:"), ":100")
	if !ok {
		t.Fatalf("offsets %q", out.String())
	}
	do("", strings.Repeat("value\n", 40), consoleConsumer, "--topic", "orders", "--from-beginning", "--group", "billing", "--max-messages", "40")
	do("", "billing", groupCommand, "--list")
	do("", "40              100             60", groupCommand, "--describe", "--group", "billing")
	do("", "10", groupCommand, "--group", "billing", "--reset-offsets", "--to-offset", "10", "--topic", "orders:"+partition, "--execute")
	do("", "Deletion of requested consumer groups ('billing') was successful.", groupCommand, "--delete", "--group", "billing")
	file := filepath.Join(t.TempDir(), "offsets.json")
	if err := os.WriteFile(file, []byte(`{"partitions":[{"topic":"orders","partition":`+partition+`,"offset":70}],"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	do("", "low_watermark: 70", deleteRecords, "--offset-json-file", file)
	do("", "orders:"+partition+":70", getOffsets, "--topic", "orders", "--time", "-2")
	do("", "", topicCommand, "--delete", "--topic", "orders")
}
