package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A process is what a node runs.
type process struct {
	*os.Process
	began time.Time
	ready chan struct{} // closed once it serves
	took  time.Duration // until then
	ended chan struct{}
	state *os.ProcessState // how it ended, once it has
	log   string
}

func launch(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{Process: cmd.Process, began: began, ready: make(chan struct{}), ended: make(chan struct{}), log: log}
	go func() {
		p.state, _ = p.Wait() // why it ended stands in its log
		close(p.ended)
	}()
	return p, nil
}

func (p *process) failure() error {
	text, _ := os.ReadFile(p.log) // without a log there is nothing to show
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return fmt.Errorf("it did not come up: %s", text)
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.Kill() // it may have ended
	<-p.ended
}
