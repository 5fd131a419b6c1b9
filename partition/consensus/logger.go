package consensus

import "fmt"

// logger lets raft's warnings through and makes its panics panics. What raft has to say at the lower levels, a line for
// every election of every partition, is in metrics and in the tree.
type logger struct{ warn func(string) }

func (l logger) say(message string) {
	if l.warn != nil {
		l.warn(message)
	}
}

func (logger) Debug(...any)                  {}
func (logger) Debugf(string, ...any)         {}
func (logger) Info(...any)                   {}
func (logger) Infof(string, ...any)          {}
func (l logger) Warning(v ...any)            { l.say(fmt.Sprint(v...)) }
func (l logger) Error(v ...any)              { l.say(fmt.Sprint(v...)) }
func (logger) Fatal(v ...any)                { panic(fmt.Sprint(v...)) }
func (logger) Panic(v ...any)                { panic(fmt.Sprint(v...)) }
func (logger) Fatalf(f string, v ...any)     { panic(fmt.Sprintf(f, v...)) }
func (logger) Panicf(f string, v ...any)     { panic(fmt.Sprintf(f, v...)) }
func (l logger) Warningf(f string, v ...any) { l.say(fmt.Sprintf(f, v...)) }
func (l logger) Errorf(f string, v ...any)   { l.say(fmt.Sprintf(f, v...)) }
