// Package kafka holds the nouns of the Kafka protocol as distinct Go types, so that an offset can't be
// passed where an epoch is meant, and the one place where Go errors become the protocol's error codes.
//
// It decides nothing, keeps nothing and imports nothing of troupe. Everything else imports it.
package kafka
