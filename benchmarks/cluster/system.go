package cluster

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A System is what nodes run: troupe, or Apache Kafka in one of its configurations.
type System struct {
	Name string
	// prepare makes a node's folder ready for a start.
	prepare func(n *Node) error
	command func(n *Node) *exec.Cmd
	// interrupted is the exit code with which it ends in order when it is asked to.
	interrupted int
}

// Build builds troupe from the module at root into a folder, and returns the path of the program.
func Build(root, dir string) (string, error) {
	path := filepath.Join(dir, "troupe")
	build := exec.Command("go", "build", "-o", path, "./cmd/troupe")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build troupe: %w: %s", err, out)
	}
	return path, nil
}

// Troupe is troupe as the program of that path, with settings given as NAME=VALUE.
func Troupe(binary string, settings ...string) *System {
	return &System{
		Name:    "troupe",
		prepare: func(*Node) error { return nil },
		command: func(n *Node) *exec.Cmd {
			args := []string{"server", "--node-id", fmt.Sprint(n.ID), "--data", n.Data(), "--listen", n.Address, "--admin", n.Admin}
			if c := n.cluster; len(c.Nodes) > 1 {
				args = append(args, "--link", n.link, "--seeds", c.joined((*Node).seed))
			}
			if n.wire != nil {
				args = append(args, "--set", "link.advertised.address="+n.wire.address)
			}
			if n.cluster.lan != nil {
				args = append(args, "--set", "listener.insecure=true") // the address is none of the loopback's
			}
			for _, s := range settings {
				args = append(args, "--set", s)
			}
			return exec.Command(binary, args...)
		},
	}
}

// joined is a list of something of all nodes.
func (c *Cluster) joined(of func(n *Node) string) string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, of(n))
	}
	return strings.Join(all, ",")
}

// Kafka is Apache Kafka, run by the scripts in benchmarks/kafka below root, with properties given as NAME=VALUE.
func Kafka(root, name string, properties ...string) *System {
	class := filepath.Join(root, "benchmarks/kafka/run-class")
	config := func(n *Node) string { return filepath.Join(n.dir, "server.properties") }
	return &System{
		Name:        name,
		interrupted: 128 + int(syscall.SIGINT), // the Java machine's
		prepare: func(n *Node) error {
			c := n.cluster
			replicas := min(3, len(c.Nodes))
			lines := append([]string{
				"process.roles=broker,controller", fmt.Sprint("node.id=", n.ID), "controller.listener.names=CONTROLLER",
				fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s", n.Address, n.link), "advertised.listeners=PLAINTEXT://" + n.Address + ",CONTROLLER://" + n.link,
				"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
				"controller.quorum.bootstrap.servers=" + c.joined(func(n *Node) string { return n.link }),
				fmt.Sprint("default.replication.factor=", replicas), fmt.Sprint("offsets.topic.replication.factor=", replicas),
				"log.dirs=" + n.Data(), "group.initial.rebalance.delay.ms=0",
			}, properties...)
			if err := os.WriteFile(config(n), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				return err
			}
			if _, err := os.Stat(n.Data()); !errors.Is(err, os.ErrNotExist) {
				return err
			}
			controllers := c.joined(func(n *Node) string {
				return fmt.Sprintf("%d@%s:%s", n.ID, n.link, base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "bench-node-%05d", n.ID)))
			})
			format := exec.Command(class, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", config(n), "--initial-controllers", controllers)
			if out, err := format.CombinedOutput(); err != nil {
				return fmt.Errorf("format: %w: %s", err, out)
			}
			return nil
		},
		command: func(n *Node) *exec.Cmd {
			cmd := exec.Command(class, "kafka.Kafka", config(n))
			cmd.Env = append(os.Environ(), "KAFKA_HEAP=-Xmx1g -Xms1g")
			return cmd
		},
	}
}
