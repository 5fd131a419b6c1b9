package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A broker is how a client command reaches the cluster, and in which form it prints.
type broker struct {
	c         *console
	bootstrap []string
	json      bool
}

// withBroker gives a command the flags of every client command. What it prints for programs is for the help.
func withBroker(c *console, cmd *cobra.Command, json string) *broker {
	b := &broker{c: c}
	cmd.Flags().StringSliceVarP(&b.bootstrap, "bootstrap-server", "b", []string{"localhost:9092"}, "HOST:PORT of any broker of the cluster; several joined by commas")
	cmd.Flags().BoolVar(&b.json, "json", false, "for programs: print "+json)
	return b
}

// reachWithin is how long a command tries to reach a broker.
const reachWithin = 5 * time.Second

// connect returns a client, once a broker has answered.
func (b *broker) connect(ctx context.Context, o ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.bootstrap...), kgo.ClientID("troupe"), kgo.DialTimeout(reachWithin),
	}, o...)...)
	if err != nil {
		return nil, err
	}
	reach, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	if err := client.Ping(reach); err != nil {
		client.Close()
		return nil, failed(fmt.Errorf("no broker answers at %s: %w", strings.Join(b.bootstrap, ", "), err))
	}
	return client, nil
}

// interruptible returns a context that ends at the first Ctrl+C or SIGTERM. The second one ends the process, whatever it waits for.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// admin runs f with a client for administration.
func (b *broker) admin(ctx context.Context, f func(*kadm.Client) error) error {
	client, err := b.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return failed(f(kadm.NewClient(client)))
}

// refusal is a broker's word about one thing, with what it said beyond the error's name.
func refusal(what string, err error, message string) error {
	var k *kerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &k) && message != "":
		return fmt.Errorf("%s: %s: %s", what, k.Message, message)
	case errors.As(err, &k):
		return fmt.Errorf("%s: %s: %s", what, k.Message, k.Description)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// refusedByCode is a refusal as a response has it.
func refusedByCode(what string, code int16, message *string) error {
	if message == nil {
		message = new(string)
	}
	return refusal(what, kerr.ErrorForCode(code), *message)
}

// print writes a value as JSON, or rows as aligned columns.
func (b *broker) print(value any, header string, rows [][]any) error {
	if b.json {
		return b.line(value)
	}
	w := tabwriter.NewWriter(b.c.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, row := range rows {
		for i, cell := range row {
			fmt.Fprint(w, strings.Repeat("\t", min(i, 1)), cell)
		}
		fmt.Fprintln(w)
	}
	return failed(w.Flush())
}

// line writes a value as one line of JSON.
func (b *broker) line(value any) error {
	return failed(json.NewEncoder(b.c.out).Encode(value))
}

// say tells a person that something is done; a program looks at the exit code.
func (b *broker) say(format string, args ...any) {
	if !b.json {
		fmt.Fprintf(b.c.out, format+"\n", args...)
	}
}

// pairs reads NAME=VALUE.
func pairs(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range list {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not NAME=VALUE", p)
		}
		out[name] = value
	}
	return out, nil
}
