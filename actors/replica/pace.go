package replica

import (
	"sync"
	"time"

	"troupe/partition/consensus"
)

// A Pace is how fast a node reads entries from its store for followers that are far behind: so fast that these come nearer, whatever is appended meanwhile, and no faster, because
// disks, links and processors are there for live traffic first. It is for all replicas of a node together, and safe for use by all of them at once.
type Pace struct {
	perSecond float64 // bytes, while nothing is appended

	mu       sync.Mutex
	at       time.Time // up to when the rest counts
	appended float64   // bytes per second, on the average of about paceMemory
	credit   float64   // bytes
}

const (
	// paceMemory is over what time it is looked at how much is appended.
	paceMemory = time.Second
	// paceBurst is for how long credit gathers: longer than followers that were sent nothing take to say something again, which is when they are thought of. That is in answer to a
	// heartbeat.
	paceBurst = 300 * time.Millisecond
)

// NewPace returns a pace of so many bytes per second, to which twice of what is appended comes.
func NewPace(bytesPerSecond int64) *Pace { return &Pace{perSecond: float64(bytesPerSecond)} }

// pass has the time pass.
func (p *Pace) pass(now time.Time) {
	if p.at.IsZero() {
		p.at, p.credit = now, p.perSecond*paceBurst.Seconds()
	}
	passed := now.Sub(p.at)
	if passed <= 0 {
		return
	}
	p.at = now
	rate := p.perSecond + 2*p.appended
	p.credit = min(p.credit+rate*passed.Seconds(), rate*paceBurst.Seconds())
	p.appended *= max(0, 1-passed.Seconds()/paceMemory.Seconds())
}

// append notes that entries are appended to the log of a partition that this node leads.
func (p *Pace) append(now time.Time, entries []consensus.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass(now)
	p.appended += float64(sizeOf(entries)) / paceMemory.Seconds()
}

// may tells whether something may be read now. What is read then may be more than there is credit for, and delays what comes after it.
func (p *Pace) may(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass(now)
	return p.credit > 0
}

// spend takes off what was read.
func (p *Pace) spend(entries []consensus.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credit -= float64(sizeOf(entries))
}

func sizeOf(entries []consensus.Entry) (bytes int) {
	for i := range entries {
		bytes += len(entries[i].Data)
	}
	return bytes
}
