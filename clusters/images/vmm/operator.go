package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

const help = `vm: operate virtual machines.

  vm list                          the machines that there are
  vm exec [-i] MACHINE -- CMD [ARG]...
                                   run a command in a guest, through its agent; with -i it has
                                   the standard input, once that has ended
%s
Examples: vm snapshot desk before-the-update; vm exec desk -- uname -r; vm events desk
`

// operator is the program `vm`: it has the vmm of another container do things.
func operator(words []string) int {
	if len(words) == 0 || words[0] == "help" || words[0] == "--help" || words[0] == "-h" {
		usage(os.Stdout)
		return 0
	}
	if words[0] == "list" {
		fmt.Print(overview())
		return 0
	}
	verb, input, words := words[0], false, words[1:]
	if verb == "exec" && len(words) > 0 && words[0] == "-i" {
		input, words = true, words[1:]
	}
	if _, known := offered[verb]; (!known && verb != "exec") || len(words) == 0 {
		usage(os.Stderr)
		return 2
	}
	machine, rest := words[0], words[1:]
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	asked := question{Words: append([]string{verb}, rest...)}
	if input {
		var err error
		if asked.Stdin, err = io.ReadAll(os.Stdin); err != nil {
			fail(err)
		}
	}
	told, err := request(machine, asked)
	if err != nil {
		fail(err)
	}
	if verb != "exec" && told.Status != 0 {
		fail(strings.TrimSpace(string(told.Err)))
	}
	if table := tables[verb]; table != nil {
		told.Out = []byte(table(told.Out))
	}
	return finish(told, nil)
}

func overview() string {
	rows := []string{"MACHINE\tPOWER\tNETWORK\tDISK"}
	for _, name := range machines() {
		var found condition
		told, err := request(name, question{Words: []string{"state"}})
		if err != nil || json.Unmarshal(told.Out, &found) != nil {
			found.Power = "its host does not run"
		}
		rows = append(rows, strings.Join([]string{name, found.Power, found.Network, found.Disk}, "\t"))
	}
	return align(rows)
}

func usage(to io.Writer) {
	lines := []string{}
	for name, one := range offered {
		words := strings.TrimSpace(name + " MACHINE " + one.usage)
		lines = append(lines, fmt.Sprintf("  vm %-29s %s\n", words, one.about))
	}
	sort.Strings(lines)
	fmt.Fprintf(to, help, strings.Join(lines, ""))
}

// tables are how people read what is told as JSON.
var tables = map[string]func([]byte) string{
	"snapshots": func(data []byte) string {
		var all []state
		_ = json.Unmarshal(data, &all)
		rows := []string{"SNAPSHOT\tTAKEN\tMEMORY"}
		for _, one := range all {
			taken := time.Unix(one.Seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
			rows = append(rows, fmt.Sprintf("%s\t%s\t%d MiB", one.Name, taken, one.Size>>20))
		}
		return align(rows)
	},
	"events": func(data []byte) string {
		var all []struct {
			Time, Event string
			Data        map[string]any
		}
		_ = json.Unmarshal(data, &all)
		rows := []string{"TIME\tEVENT\tDETAILS"}
		for _, one := range all {
			words := []string{}
			for key, value := range one.Data {
				words = append(words, fmt.Sprintf("%s=%v", key, value))
			}
			sort.Strings(words)
			rows = append(rows, one.Time+"\t"+one.Event+"\t"+strings.Join(words, " "))
		}
		return align(rows)
	},
	"read": func(data []byte) string {
		var all map[string]file
		_ = json.Unmarshal(data, &all)
		text := ""
		for path, one := range all {
			if one.Kind != "regular" {
				text += path + ": no plain file\n"
			}
			text += string(one.Content)
		}
		return text
	},
}

func align(rows []string) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, strings.Join(rows, "\n"))
	_ = table.Flush()
	return text.String()
}
