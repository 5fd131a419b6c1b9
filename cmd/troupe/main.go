package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitStoreDead = 3
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// A console is what a command talks to.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// A failure is an error that was understood; any other one that a command returns is a mistake in how it was called.
type failure struct {
	err  error
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed marks an error as one of the work, not of the call, where it is not marked yet.
func failed(err error) error {
	if _, marked := err.(*failure); marked || err == nil {
		return err
	}
	return &failure{err, exitFailed}
}

// run runs one command and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	root := newRoot(&console{in, out, stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var f *failure
	if errors.As(err, &f) {
		fmt.Fprintln(stderr, "troupe:", f.err)
		return f.code
	}
	fmt.Fprintf(stderr, "troupe: %v\nSee 'troupe --help'.\n", err)
	return exitUsage
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:           "troupe",
		Short:         "An event streaming engine that speaks Kafka's wire protocol",
		Example:       "  troupe server\n  troupe topic create orders\n  seq 10 | troupe produce orders\n  troupe consume orders --from-beginning",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(nearestFlag)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newServer(c), newTopic(c), newProduce(c), newConsume(c), newGroup(c), newClusterCommands(c), newPartition(c), newTree(c), newHealth(c), newManual(c), newVersion(c))
	return root
}

// nearestFlag adds to the error about an unknown flag the one that is spelt most like it.
func nearestFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	nearest, least := "", math.MaxInt
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.ComputeDistance(unknown.GetSpecifiedName(), f.Name); d < least {
			nearest, least = f.Name, d
		}
	})
	return fmt.Errorf("%w; the nearest known one is --%s", err, nearest)
}
