package actors

// A Lane keeps messages to another node apart from those that they must not wait behind: each lane has a connection of its own. Within a lane messages
// arrive in the order in which they were sent; between lanes there is none.
type Lane uint8

// The lanes.
const (
	Control Lane = iota // liveness, votes, and other small messages that nothing may hold up
	Data                // appends, requests and their answers
	Bulk                // snapshots, and what a replica that lags behind is sent
)

// Lanes is how many lanes there are.
const Lanes = 3

// String is the lane's name.
func (l Lane) String() string {
	switch l {
	case Control:
		return "control"
	case Data:
		return "data"
	default:
		return "bulk"
	}
}
