package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// CanUnplug returns why nodes can't have networks of their own on this machine; nil where they can.
func CanUnplug() error {
	if os.Geteuid() != 0 {
		return &Unavailable{"only root may make a network"}
	}
	for _, tool := range []string{"ip", "nsenter", "sleep"} {
		if _, err := exec.LookPath(tool); err != nil {
			return &Unavailable{tool + " is missing"}
		}
	}
	l, err := newLAN(1)
	if err != nil {
		return &Unavailable{"a network can't be made: " + err.Error()}
	}
	return l.close()
}

// A namespace is a network namespace. It is there for as long as its keeper, a process that does nothing, or a process that was started within.
type namespace struct{ keeper *exec.Cmd }

func newNamespace() (*namespace, error) {
	keeper := exec.Command("sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := keeper.Start(); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return &namespace{keeper}, nil
}

// inside has a command, which was not started yet, run in the namespace.
func (n *namespace) inside(cmd *exec.Cmd) *exec.Cmd {
	enter := exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", n.keeper.Process.Pid), "--", cmd.Path}, cmd.Args[1:]...)...)
	enter.Env = cmd.Env
	return enter
}

// ip runs commands of the tool of that name in the namespace.
func (n *namespace) ip(commands ...string) error {
	for _, c := range commands {
		if err := run(n.inside(exec.Command("ip", strings.Fields(c)...))); err != nil {
			return err
		}
	}
	return nil
}

func (n *namespace) close() {
	_ = n.keeper.Process.Kill()
	_ = n.keeper.Wait() // it was killed
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// A lan is an Ethernet of namespaces: a switch in one of its own, to which each node and this machine have a cable. All of it goes with the processes that keep it, so that nothing is left
// behind even where this process is killed.
type lan struct {
	prefix string // of the addresses, without the node's id
	host   string // the machine's end of its cable
	hub    *namespace
	nodes  []*namespace // by id, from 1
	cuts   map[way]bool
}

// hostID is the machine's place among the addresses.
const hostID = 254

// newLAN makes the network of so many nodes.
func newLAN(nodes int) (*lan, error) {
	prefix, err := freeNet()
	if err != nil {
		return nil, err
	}
	l := &lan{prefix: prefix, host: fmt.Sprintf("lan%d-%d", os.Getpid(), rand.IntN(1000)), cuts: map[way]bool{}}
	if err := l.lay(nodes); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lan) lay(nodes int) (err error) {
	if l.hub, err = newNamespace(); err != nil {
		return err
	}
	if err := l.hub.ip("link add switch type bridge", "link set switch up"); err != nil {
		return err
	}
	for _, args := range []string{
		fmt.Sprintf("link add %s type veth peer name host netns %d", l.host, l.hub.keeper.Process.Pid),
		fmt.Sprintf("addr add %s.%d/24 dev %s", l.prefix, hostID, l.host), fmt.Sprintf("link set %s up", l.host),
	} {
		if err := run(exec.Command("ip", strings.Fields(args)...)); err != nil {
			return err
		}
	}
	if err := l.hub.ip("link set host master switch up"); err != nil {
		return err
	}
	for i := range nodes {
		n, err := newNamespace()
		if err != nil {
			return err
		}
		l.nodes = append(l.nodes, n)
		port := fmt.Sprint("node-", i+1)
		if err := l.hub.ip(fmt.Sprintf("link add %s type veth peer name eth0 netns %d", port, n.keeper.Process.Pid), "link set "+port+" master switch up"); err != nil {
			return err
		}
		if err := n.ip(fmt.Sprintf("addr add %s.%d/24 dev eth0", l.prefix, i+1), "link set eth0 up", "link set lo up"); err != nil {
			return err
		}
	}
	return nil
}

// freeNet finds a network in the range that is set aside for benchmarks (RFC 2544), on which this machine has no address.
func freeNet() (prefix string, err error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for range 20 {
		x := netip.AddrFrom4([4]byte{198, byte(18 + rand.IntN(2)), byte(rand.IntN(256)), 0})
		if !slices.ContainsFunc(addresses, func(a net.Addr) bool {
			p, err := netip.ParsePrefix(a.String())
			return err == nil && p.Overlaps(netip.PrefixFrom(x, 24))
		}) {
			return strings.TrimSuffix(x.String(), ".0"), nil
		}
	}
	return "", errors.New("no free network was found")
}

func (l *lan) node(id int32) *namespace { return l.nodes[id-1] }

// cut has the packets of one node to another end nowhere: it sends them to an Ethernet address that nobody has.
func (l *lan) cut(w way) error {
	l.cuts[w] = true
	return l.node(w.from).ip(fmt.Sprintf("neigh replace %s.%d lladdr 02:00:00:00:00:00 nud permanent dev eth0", l.prefix, w.to))
}

// unplug pulls a node's cable.
func (l *lan) unplug(node int32) error { return l.hub.ip(fmt.Sprintf("link set node-%d down", node)) }

// mend ends all cuts and plugs all cables in.
func (l *lan) mend() (err error) {
	for w := range l.cuts {
		err = errors.Join(err, l.node(w.from).ip(fmt.Sprintf("neigh del %s.%d dev eth0", l.prefix, w.to)))
	}
	clear(l.cuts)
	for i := range l.nodes {
		err = errors.Join(err, l.hub.ip(fmt.Sprintf("link set node-%d up", i+1)))
	}
	return err
}

// close takes the network away. No node may run.
func (l *lan) close() (err error) {
	if _, missing := net.InterfaceByName(l.host); missing == nil {
		err = run(exec.Command("ip", "link", "del", l.host))
	}
	for _, n := range append(l.nodes, l.hub) {
		if n != nil {
			n.close()
		}
	}
	return err
}
