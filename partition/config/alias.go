package config

import (
	"fmt"
	"strconv"
)

// An alias is Kafka's name for a setting that has another one here.
type alias struct {
	name string
	// rank is which of several names for one setting wins: the lower one.
	rank int
	read func(value string) (string, error)
}

var aliases = map[string]*alias{
	"broker.id": {"node.id", 1, func(value string) (string, error) { return value, nil }},
	"log.dirs":  {"data.dir", 1, oneFolder},
	"log.dir":   {"data.dir", 2, oneFolder},
}

func oneFolder(value string) (string, error) {
	list := splitList(value)
	if len(list) != 1 {
		return "", fmt.Errorf("troupe keeps its data in one folder, and %q names %d", value, len(list))
	}
	return list[0], nil
}

// refuseNodeID refuses what Kafka takes: 0 is kept for clusters in which all nodes share one address.
func refuseNodeID(value string) error {
	if n, _ := strconv.Atoi(value); n < 1 {
		return fmt.Errorf("it must be at least 1; Kafka's 0 is kept for what all nodes are together")
	}
	return nil
}
