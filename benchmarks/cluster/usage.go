package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CPU returns the time that all running nodes have spent.
func (c *Cluster) CPU() (time.Duration, error) { return sum(c, (*process).cpu) }

// Memory returns the resident bytes of all running nodes.
func (c *Cluster) Memory() (int64, error) { return sum(c, (*process).memory) }

func sum[N time.Duration | int64](c *Cluster, of func(*process) (N, error)) (total N, err error) {
	for _, n := range c.Nodes {
		if n.Running() {
			one, err := of(n.process)
			if err != nil {
				return 0, err
			}
			total += one
		}
	}
	return total, nil
}

// cpu returns the time that the process has spent, in user and kernel together.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold blanks
	fields := strings.Fields(rest)
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(user+system) * tick, nil
}

// memory returns the process's resident bytes.
func (p *process) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmRSS", p.Pid)
}

// DeviceWritten returns how many bytes were ever written to the block device that holds a folder, as the device itself counts them. Whatever else
// writes to the device is counted too.
func DeviceWritten(dir string) (int64, error) {
	var s syscall.Stat_t
	if err := syscall.Stat(dir, &s); err != nil {
		return 0, err
	}
	major, minor := (s.Dev>>8)&0xfff, s.Dev&0xff|(s.Dev>>12)&0xfff00
	text, err := os.ReadFile(filepath.Join("/sys/dev/block", fmt.Sprintf("%d:%d", major, minor), "stat"))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.Fields(string(text))[6], 10, 64)
	return sectors * 512, err
}

// TouchMemory maps memory, touches each page of it and gives it back. On a virtual machine the first touch of fresh memory is dear, and would be
// paid by whoever is measured first.
func TouchMemory(bytes int) error {
	m, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", bytes, err)
	}
	for i := 0; i < len(m); i += 4096 {
		m[i] = 1
	}
	return syscall.Munmap(m)
}
