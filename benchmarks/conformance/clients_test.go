package conformance

import (
	"bufio"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A client does what the suite asks of it and prints the records that it reads, one a line: partition, offset, key, value and the value of its one
// header. Keys are k0, k1, …; the value of k5 is v5 and its header, named h, is h5.
type client struct {
	// oneHeader is for a client that gives all records of a call the same header: its value is "same".
	oneHeader bool
	// codecs are those that it can compress with.
	codecs []string
	create func(t *testing.T, bootstrap, topic string)
	// produce writes count records, from number first on.
	produce func(t *testing.T, bootstrap, topic, codec string, first, count int)
	// read reads count records from the beginning of all partitions, without a group.
	read func(t *testing.T, bootstrap, topic string, count int) string
	// group reads count records as a member of a group, commits how far it came, and leaves.
	group func(t *testing.T, bootstrap, topic, group string, count int) string
}

const partitions = 3

// suite is what every client can do.
func suite(t *testing.T, c client) {
	const count = 10_000
	for _, codec := range c.codecs {
		t.Run(codec, func(t *testing.T) {
			b := start(t)
			topic := strings.ToLower(strings.NewReplacer("/", "-", "#", "-").Replace(t.Name()))
			c.create(t, b.bootstrap, topic)
			c.produce(t, b.bootstrap, topic, codec, 0, count)
			c.check(t, c.read(t, b.bootstrap, topic, count), newSeen(), count)

			got := newSeen()
			c.check(t, c.group(t, b.bootstrap, topic, "readers", count/2), got, count/2)
			b.restart()
			c.produce(t, b.bootstrap, topic, codec, count, 100)
			c.check(t, c.group(t, b.bootstrap, topic, "readers", count/2+100), got, count+100)
		})
	}
}

// seen is how often a record was read, by its number, and the next offset of each partition.
type seen struct {
	numbers map[string]bool
	offsets map[string]int
}

func newSeen() seen { return seen{map[string]bool{}, map[string]int{}} }

// check looks at the records that a client has printed, on top of those that were seen before: each is whole, none is there twice, and each
// partition's offsets have no gap.
func (c *client) check(t *testing.T, out string, s seen, want int) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		var partition, key, value, header string
		var offset int
		if _, err := fmt.Sscan(lines.Text(), &partition, &offset, &key, &value, &header); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		number := strings.TrimPrefix(key, "k")
		if value != "v"+number || header != "h"+number && !(c.oneHeader && header == "same") {
			t.Fatalf("a record that nobody wrote: %q", lines.Text())
		}
		if s.numbers[number] {
			t.Fatalf("record %s came twice", number)
		}
		s.numbers[number] = true
		if next := s.offsets[partition]; offset != next {
			t.Fatalf("partition %s: offset %d after %d", partition, offset, next-1)
		}
		s.offsets[partition] = offset + 1
	}
	if len(s.numbers) != want {
		t.Fatalf("%d records of partitions %v, want %d", len(s.numbers), slices.Sorted(maps.Keys(s.offsets)), want)
	}
}

// external is a client that is a program: COMMAND… create|produce|read|group BOOTSTRAP TOPIC ….
func external(codecs []string, command ...string) client {
	run := func(t *testing.T, args ...any) string {
		t.Helper()
		all := command[1:len(command):len(command)]
		for _, a := range args {
			all = append(all, fmt.Sprint(a))
		}
		return runTool(t, "", command[0], all...)
	}
	return client{
		codecs: codecs,
		create: func(t *testing.T, bootstrap, topic string) { run(t, "create", bootstrap, topic, partitions) },
		produce: func(t *testing.T, bootstrap, topic, codec string, first, count int) {
			run(t, "produce", bootstrap, topic, codec, first, count)
		},
		read: func(t *testing.T, bootstrap, topic string, count int) string {
			return run(t, "read", bootstrap, topic, count)
		},
		group: func(t *testing.T, bootstrap, topic, group string, count int) string {
			return run(t, "group", bootstrap, topic, group, count)
		},
	}
}

func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("clients", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// confluentKafka returns a Python that has confluent-kafka.
func confluentKafka(t *testing.T) string {
	t.Helper()
	const version = "2.16.1"
	if _, err := exec.LookPath("python3"); err != nil {
		missing(t, err)
	}
	dir := tools(t, "confluent-kafka-"+version)
	python := filepath.Join(dir, "bin", "python")
	if exec.Command(python, "-c", "import confluent_kafka").Run() != nil {
		for _, step := range [][]string{{"python3", "-m", "venv", dir}, {filepath.Join(dir, "bin", "pip"), "install", "--quiet", "confluent-kafka==" + version}} {
			if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
				missing(t, fmt.Errorf("install confluent-kafka: %w: %s", err, out))
			}
		}
	}
	return python
}

func TestConfluentKafka(t *testing.T) {
	suite(t, external([]string{"none", "gzip", "snappy", "lz4", "zstd"}, confluentKafka(t), script(t, "confluent.py")))
}

// Transactions are not served yet. Who asks for one is told so for good: a client that tried again and again would hang.
func TestTransactionalProducersGiveUp(t *testing.T) {
	b := start(t)
	if len(b.nodes) == 0 {
		t.Skip("only for a broker without transactions")
	}
	t.Run("librdkafka", func(t *testing.T) {
		if out := runTool(t, "", confluentKafka(t), script(t, "transaction.py"), b.bootstrap); !strings.HasPrefix(out, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED") || !strings.Contains(out, "not retriable") {
			t.Errorf("it says %q", out)
		}
	})
	t.Run("java", func(t *testing.T) {
		class := kafkaClass(t)
		began := time.Now()
		cmd := exec.Command(class, "org.apache.kafka.tools.ProducerPerformance", "--topic", "orders", "--num-records", "10", "--record-size", "10", "--throughput", "-1",
			"--transactional-id", "tx", "--bootstrap-server", b.bootstrap)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "TransactionalIdAuthorizationException") || time.Since(began) > 30*time.Second {
			t.Errorf("after %v: %v %s", time.Since(began), err, last(string(out)))
		}
	})
}

func TestKafkaJS(t *testing.T) {
	const version = "2.2.4"
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, err)
		}
	}
	dir := tools(t, "kafkajs-"+version)
	t.Setenv("NODE_PATH", filepath.Join(dir, "node_modules"))
	if exec.Command("node", "-e", "require('kafkajs')").Run() != nil {
		if out, err := exec.Command("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", dir, "kafkajs@"+version).CombinedOutput(); err != nil {
			missing(t, fmt.Errorf("install KafkaJS: %w: %s", err, out))
		}
	}
	suite(t, external([]string{"none", "gzip"}, "node", script(t, "kafkajs.js"))) // other codecs are not part of KafkaJS
}

func TestKcat(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		missing(t, err)
	}
	c := external([]string{"none", "gzip", "snappy", "lz4", "zstd"}, "bash", script(t, "kcat.sh"))
	c.oneHeader = true
	suite(t, c)
}
