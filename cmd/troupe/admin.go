package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"troupe/actors"
)

const defaultAdmin = "127.0.0.1:9644"

// get asks the admin listener of a node for what it shows.
func get(ctx context.Context, admin, path string) (status int, body []byte, err error) {
	return ask(ctx, http.MethodGet, admin, path, getWithin)
}

const getWithin = 10 * time.Second

// result returns what a node answers at its admin listener that has done what it was asked for.
func result(ctx context.Context, method, admin, path string, within time.Duration) ([]byte, error) {
	status, body, err := ask(ctx, method, admin, path, within)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", admin, status, strings.TrimSpace(string(body)))
	}
	return body, err
}

// ask asks the admin listener of a node.
func ask(ctx context.Context, method, admin, path string, within time.Duration) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, method, "http://"+admin+path, nil)
	if err != nil {
		return 0, nil, err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, nil, fmt.Errorf("no node answers on the admin address %s: %w", admin, err)
	}
	defer a.Body.Close()
	body, err = io.ReadAll(a.Body)
	return a.StatusCode, body, err
}

func newTree(c *console) *cobra.Command {
	var admin string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "tree",
		Short:   "Show the actors of a running node, with their restarts and last failures",
		Example: "  troupe tree\n  troupe tree --json --admin 127.0.0.1:9644",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := result(cmd.Context(), http.MethodGet, admin, "/tree", getWithin)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				_, err = c.out.Write(body)
				return failed(err)
			}
			var tops []*actors.Info
			if err := json.Unmarshal(body, &tops); err != nil {
				return failed(fmt.Errorf("the tree can't be read: %w", err))
			}
			for _, top := range tops {
				printTree(c.out, top, "", "")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&admin, "admin", defaultAdmin, "HOST:PORT of the node's admin listener")
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: print each actor with its id, kind, state, restarts, last_failure and children")
	return cmd
}

// printTree prints an actor and those below it. The lead is what stands before its name, and indent before those of its children.
func printTree(w io.Writer, i *actors.Info, lead, indent string) {
	name := i.ID[strings.LastIndex(i.ID, "/")+1:]
	fmt.Fprintf(w, "%s%s", lead, name)
	if i.State != actors.Running {
		fmt.Fprintf(w, "  %s", i.State)
	}
	if i.Restarts > 0 {
		fmt.Fprintf(w, "  restarts=%d", i.Restarts)
	}
	if f := i.LastFailure; f != nil {
		fmt.Fprintf(w, "  last failure %s: %s", f.Time.Format(time.RFC3339), f.Reason)
	}
	fmt.Fprintln(w)
	for n, child := range i.Children {
		branch, below := "├── ", "│   "
		if n == len(i.Children)-1 {
			branch, below = "└── ", "    "
		}
		printTree(w, child, indent+branch, indent+below)
	}
}

func newHealth(c *console) *cobra.Command {
	var admin string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Tell whether a node is alive and serves clients",
		Long:    "Tell whether a node is alive and serves clients. The exit code is 0 where it does both.",
		Example: "  troupe health && echo serving",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var states struct {
				Alive  bool   `json:"alive"`
				Ready  bool   `json:"ready"`
				Reason string `json:"reason,omitempty"`
			}
			for _, q := range []struct {
				path string
				ok   *bool
			}{{"/healthz", &states.Alive}, {"/readyz", &states.Ready}} {
				status, body, err := get(cmd.Context(), admin, q.path)
				if err != nil {
					return failed(err)
				}
				if *q.ok = status == http.StatusOK; !*q.ok {
					states.Reason = strings.TrimSpace(string(body))
				}
			}
			if asJSON {
				if err := json.NewEncoder(c.out).Encode(states); err != nil {
					return failed(err)
				}
			} else {
				fmt.Fprintf(c.out, "alive: %v\nready: %v\n", states.Alive, states.Ready)
			}
			if !states.Alive || !states.Ready {
				return failed(fmt.Errorf("the node does not serve: %s", states.Reason))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&admin, "admin", defaultAdmin, "HOST:PORT of the node's admin listener")
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: print alive, ready and, where it is not, the reason")
	return cmd
}

func newVersion(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print what this binary is",
		Example: "  troupe version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version  string `json:"version"`
				Revision string `json:"revision"`
				Go       string `json:"go"`
				Kafka    string `json:"kafka_protocol"`
			}{Version: "(devel)", Revision: "unknown", Kafka: "4.3.1"}
			if b, ok := debug.ReadBuildInfo(); ok {
				v.Go = b.GoVersion
				if b.Main.Version != "" {
					v.Version = b.Main.Version
				}
				for _, s := range b.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			if asJSON {
				return failed(json.NewEncoder(c.out).Encode(v))
			}
			fmt.Fprintf(c.out, "troupe %s (%s, %s), speaks the protocol of Apache Kafka %s\n", v.Version, v.Revision, v.Go, v.Kafka)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs: print version, revision, go and kafka_protocol")
	return cmd
}
