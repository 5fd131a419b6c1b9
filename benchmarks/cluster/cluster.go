package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Broker is a running node.
type Broker struct {
	Address string // HOST:PORT for clients
	PID     int
	// Started is how long the process took until it served.
	Started time.Duration

	process *os.Process
	ended   chan struct{}
	state   *os.ProcessState // how it ended, once it has
	log     string
}

// A System is a broker that can be started: troupe, or Kafka in one of its configurations.
type System struct {
	Name  string
	start func(dir string) (*Broker, error)
}

// Start starts the broker on a data folder, which may hold what an earlier one left.
func (s *System) Start(dir string) (*Broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b, err := s.start(dir)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	return b, nil
}

// startWithin is how long a broker may take to serve.
const startWithin = 3 * time.Minute

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

// Troupe returns troupe, built from the module at root, with settings given as NAME=VALUE.
func Troupe(root string, settings ...string) *System {
	binary := sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "troupe-binary")
		if err != nil {
			return "", err
		}
		return Build(root, dir)
	})
	return &System{"troupe", func(dir string) (*Broker, error) {
		path, err := binary()
		if err != nil {
			return nil, err
		}
		args := []string{"server", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}
		for _, s := range settings {
			args = append(args, "--set", s)
		}
		cmd := exec.Command(path, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		b, err := launch(cmd, filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		s := bufio.NewScanner(out)
		s.Scan()
		_, rest, ok := strings.Cut(s.Text(), "kafka=")
		if !ok {
			b.Kill()
			return nil, b.failure()
		}
		b.Started = time.Since(began)
		b.Address, _, _ = strings.Cut(rest, " ")
		return b, nil
	}}
}

// Kafka returns Apache Kafka from the scripts in benchmarks/kafka below root, with properties given as NAME=VALUE.
func Kafka(root, name string, properties ...string) *System {
	return &System{name, func(dir string) (*Broker, error) {
		class := filepath.Join(root, "benchmarks/kafka/run-class")
		port, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port[0])
		config := filepath.Join(dir, "server.properties")
		lines := append([]string{
			"process.roles=broker,controller", "node.id=1", "controller.listener.names=CONTROLLER", "offsets.topic.replication.factor=1",
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", address, port[1]), "advertised.listeners=PLAINTEXT://" + address,
			"listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", "controller.quorum.voters=1@127.0.0.1:" + strconv.Itoa(port[1]),
			"log.dirs=" + filepath.Join(dir, "data"), "group.initial.rebalance.delay.ms=0",
		}, properties...)
		if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(dir, "data")); errors.Is(err, os.ErrNotExist) {
			if out, err := exec.Command(class, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", config).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("format: %w: %s", err, out)
			}
		}
		cmd := exec.Command(class, "kafka.Kafka", config)
		cmd.Env = append(os.Environ(), "KAFKA_HEAP=-Xmx1g -Xms1g")
		began := time.Now()
		b, err := launch(cmd, filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		b.Address = address
		for ctx, cancel := context.WithTimeout(context.Background(), startWithin); ; time.Sleep(5 * time.Millisecond) {
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				cancel()
				break
			}
			select {
			case <-b.ended:
				cancel()
				return nil, b.failure()
			case <-ctx.Done():
				cancel()
				b.Kill()
				return nil, b.failure()
			default:
			}
		}
		b.Started = time.Since(began)
		return b, nil
	}}
}

func launch(cmd *exec.Cmd, log string) (*Broker, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stderr = out
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &Broker{PID: cmd.Process.Pid, process: cmd.Process, ended: make(chan struct{}), log: log}
	go func() {
		b.state, _ = cmd.Process.Wait() // why it ended stands in its log
		close(b.ended)
	}()
	return b, nil
}

func (b *Broker) failure() error {
	text, _ := os.ReadFile(b.log) // without a log there is nothing to show
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("it did not come up: %s", text)
}

// Kill ends the broker as a crash does.
func (b *Broker) Kill() {
	_ = b.process.Kill() // it may have ended
	<-b.ended
}

// freePorts returns ports that nobody listens on now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
