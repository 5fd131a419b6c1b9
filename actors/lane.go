package actors

// A Lane is one of the ways that messages to another node take. Lanes keep apart what must not wait for each other: within a lane
// messages arrive in the order in which they were sent, and one lane says nothing about when another arrives.
type Lane uint8

// The lanes.
const (
	Control Lane = iota // liveness, votes, who leads: small, and never behind anything large
	Data                // appends, requests and answers
	Bulk                // snapshots and what else may take its time
)

// Lanes is how many lanes there are.
const Lanes = 3

// String returns the lane's name.
func (l Lane) String() string {
	switch l {
	case Control:
		return "control"
	case Data:
		return "data"
	case Bulk:
		return "bulk"
	}
	return "unknown"
}
