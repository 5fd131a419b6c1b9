package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	clusterTool    = "org.apache.kafka.tools.ClusterTool"
	logDirsCommand = "org.apache.kafka.tools.LogDirsCommand"
	quorumCommand  = "org.apache.kafka.tools.MetadataQuorumCommand"

	transactionsCommand = "org.apache.kafka.tools.TransactionsCommand"
)

// What people look at a cluster with: kafka-cluster.sh, kafka-log-dirs.sh and kafka-metadata-quorum.sh.
func TestKafkaClusterTools(t *testing.T) {
	class := kafkaClass(t)
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	runTool(t, "", class, topicCommand, "--create", "--topic", "shelf", "--partitions", "3", "--bootstrap-server", b.bootstrap)
	known, err := kadm.NewClient(client).Metadata(ctx, "shelf")
	if err != nil {
		t.Fatal(err)
	}
	nodes, replicas := len(b.nodes), 3*len(b.nodes) // of the topic, which has the default number of them
	if nodes == 0 {
		nodes = len(known.Brokers)
		known.Topics.EachPartition(func(p kadm.PartitionDetail) { replicas += len(p.Replicas) })
	}
	if out := runTool(t, "", class, clusterTool, "cluster-id", "--bootstrap-server", b.bootstrap); !strings.Contains(out, "Cluster ID: "+known.Cluster+"\n") {
		t.Errorf("the cluster is %s, and kafka-cluster.sh says %q", known.Cluster, out)
	}
	// Replicas and voters come a little later than the topic and the node.
	until := func(wrong func() string) {
		t.Helper()
		for said := wrong(); said != ""; said = wrong() {
			if ctx.Err() != nil {
				t.Fatal(said)
			}
			time.Sleep(time.Second)
		}
	}
	until(func() string {
		return wrongLogDirs(runTool(t, "", class, logDirsCommand, "--describe", "--bootstrap-server", b.bootstrap), known.Brokers.NodeIDs(), replicas)
	})
	describe := func(what string) string {
		t.Helper()
		return runTool(t, "", class, quorumCommand, "--bootstrap-server", b.bootstrap, "describe", what)
	}
	until(func() string {
		return wrongQuorum(describe("--status"), describe("--replication"), known.Cluster, nodes)
	})
}

// kafka-transactions.sh asks every broker, and has nothing to list where nothing has begun.
func TestKafkaTransactions(t *testing.T) {
	class := kafkaClass(t)
	b := start(t)
	out := strings.Fields(runTool(t, "", class, transactionsCommand, "--bootstrap-server", b.bootstrap, "list"))
	if want := []string{"TransactionalId", "Coordinator", "ProducerId", "TransactionState"}; !slices.Equal(out, want) {
		t.Errorf("kafka-transactions.sh prints %q, want %q", out, want)
	}
}

// wrongLogDirs says what is wrong with what kafka-log-dirs.sh prints: every broker has folders without errors, and in all of them together are the replicas of the topic.
func wrongLogDirs(out string, brokers []int32, replicas int) string {
	slices.Sort(brokers)
	if want := "from brokers " + strings.ReplaceAll(strings.Trim(fmt.Sprint(brokers), "[]"), " ", ",") + "\n"; !strings.Contains(out, want) {
		return fmt.Sprintf("kafka-log-dirs.sh prints %q, want %q", out, want)
	}
	var described struct {
		Brokers []struct {
			Broker  int32
			LogDirs []struct {
				LogDir     string
				Error      *string
				Partitions []struct{ Partition string }
			}
		}
	}
	_, text, _ := strings.Cut(out, "\n{")
	if err := json.Unmarshal([]byte("{"+text), &described); err != nil {
		return fmt.Sprintf("kafka-log-dirs.sh prints %q: %v", out, err)
	}
	var named []int32
	found := map[string]int{}
	for _, b := range described.Brokers {
		named = append(named, b.Broker)
		if len(b.LogDirs) == 0 {
			return fmt.Sprintf("broker %d has no folder: %s", b.Broker, out)
		}
		for _, d := range b.LogDirs {
			if d.Error != nil || d.LogDir == "" {
				return fmt.Sprintf("broker %d has a bad folder: %s", b.Broker, out)
			}
			for _, p := range d.Partitions {
				if strings.HasPrefix(p.Partition, "shelf-") {
					found[p.Partition]++
				}
			}
		}
	}
	slices.Sort(named)
	sum := 0
	for _, n := range found {
		sum += n
	}
	if !slices.Equal(named, brokers) || sum != replicas || len(found) != 3 {
		return fmt.Sprintf("brokers %v hold replicas %v, want %d on %v", named, found, replicas, brokers)
	}
	return ""
}

// wrongQuorum says what is wrong with what kafka-metadata-quorum.sh prints: one node leads, and all are among the voters and the observers.
func wrongQuorum(status, replication, cluster string, nodes int) string {
	field := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `:\s+(.*)$`).FindStringSubmatch(status)
		if m == nil {
			return ""
		}
		return m[1]
	}
	var voters, observers []struct{ ID int32 }
	err := json.Unmarshal([]byte(field("CurrentVoters")), &voters)
	if err == nil {
		err = json.Unmarshal([]byte(field("CurrentObservers")), &observers)
	}
	leader, _ := strconv.Atoi(field("LeaderId"))
	if err != nil || field("ClusterId") != cluster || len(voters)+len(observers) != nodes || !slices.ContainsFunc(voters, func(v struct{ ID int32 }) bool { return v.ID == int32(leader) }) {
		return fmt.Sprintf("kafka-metadata-quorum.sh describe --status of cluster %s with %d nodes prints %q, %v", cluster, nodes, status, err)
	}
	states := map[string][]string{} // the nodes of each
	for line := range strings.Lines(replication) {
		if f := strings.Fields(line); len(f) == 7 && f[0] != "NodeId" {
			states[f[6]] = append(states[f[6]], f[0])
		}
	}
	if !slices.Equal(states["Leader"], []string{strconv.Itoa(leader)}) || len(states["Follower"]) != len(voters)-1 || len(states["Observer"]) != len(observers) {
		return fmt.Sprintf("kafka-metadata-quorum.sh describe --replication prints %q, after the status %q: %v", replication, status, slices.Sorted(maps.Keys(states)))
	}
	return ""
}
