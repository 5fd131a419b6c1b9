package main

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed manual/*.md
var manual embed.FS

func newManual(c *console) *cobra.Command {
	return &cobra.Command{
		Use:     "manual [PAGE]",
		Short:   "Print a page of the manual, or which pages there are",
		Example: "  troupe manual\n  troupe manual operate | less",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, name := range manualPages() {
					fmt.Fprintf(c.out, "%-12s %s\n", name, manualTitle(name))
				}
				return nil
			}
			page, err := manual.ReadFile("manual/" + args[0] + ".md")
			if err != nil {
				return fmt.Errorf("the manual has no page %s; it has %s", args[0], strings.Join(manualPages(), ", "))
			}
			_, err = c.out.Write(page)
			return failed(err)
		},
	}
}

// manualPages are the names of the pages.
func manualPages() (names []string) {
	files, err := fs.Glob(manual, "manual/*.md")
	if err != nil {
		panic(err) // the pattern is good
	}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(file, "manual/"), ".md"))
	}
	return names
}

// manualTitle is a page's first line.
func manualTitle(name string) string {
	page, err := manual.ReadFile("manual/" + name + ".md")
	if err != nil {
		panic(err) // it is one of the pages
	}
	title, _, _ := strings.Cut(string(page), "\n")
	return strings.TrimPrefix(title, "# ")
}
