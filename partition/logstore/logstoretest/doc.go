// Package logstoretest is the contract of partition.Store as tests: what every store must do (Conformance), and what it must still know
// after a crash (Crashes). partition/logstore runs both against Pebble and against its in-memory twin.
package logstoretest
