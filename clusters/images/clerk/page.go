package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// page does the clerk's job for one line, and tells of each part whether it could.
func page(w http.ResponseWriter, r *http.Request) {
	line := r.URL.Query().Get("line")
	if len(line) > 64 || strings.ContainsAny(line, "\r\n") {
		http.Error(w, "a line has at most 64 signs", http.StatusBadRequest)
		return
	}
	var told strings.Builder
	good := true
	if key, err := stampKey(); err != nil {
		good = false
		fmt.Fprintf(&told, "stamp FAILED %v\n", err)
	} else if key != "" {
		sum := hmac.New(sha256.New, []byte(key))
		io.WriteString(sum, line)
		fmt.Fprintf(&told, "stamp %x\n", sum.Sum(nil)[:8])
	}
	if file := os.Getenv("LEDGER"); file != "" {
		if err := keep(file, line); err != nil {
			good = false
			fmt.Fprintf(&told, "ledger FAILED %v\n", err)
		} else {
			fmt.Fprintf(&told, "ledger ok %s\n", line)
		}
	}
	if file := os.Getenv("READ"); file != "" {
		got, err := os.ReadFile(file)
		if err != nil {
			good = false
			fmt.Fprintf(&told, "read FAILED %v\n", err)
		} else {
			first, _, _ := strings.Cut(string(got), "\n")
			fmt.Fprintf(&told, "read ok %s\n", first)
		}
	}
	for _, call := range strings.Fields(os.Getenv("CALLS")) {
		// As in GET:/api/v1/namespaces/shop/configmaps/prices
		method, path, _ := strings.Cut(call, ":")
		status, body, err := ask(method, path)
		if err != nil {
			fmt.Fprintf(&told, "%s %s FAILED %v\n", method, path, err)
		} else {
			fmt.Fprintf(&told, "%s %s %d\n%s", method, path, status, data(body))
		}
		good = good && err == nil && status < 300
	}
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	io.WriteString(w, told.String())
}

// stampKey is KEY, or else the first line of the file KEY_FILE.
func stampKey() (string, error) {
	if key := os.Getenv("KEY"); key != "" {
		return key, nil
	}
	file := os.Getenv("KEY_FILE")
	if file == "" {
		return "", nil
	}
	got, err := os.ReadFile(file)
	key, _, _ := strings.Cut(string(got), "\n")
	if err == nil && key == "" {
		err = fmt.Errorf("%s is empty", file)
	}
	return key, err
}

// data is what a ConfigMap holds, one entry a line; of other objects nothing.
func data(body []byte) string {
	var object struct {
		Kind string            `json:"kind"`
		Data map[string]string `json:"data"`
	}
	if json.Unmarshal(body, &object) != nil || object.Kind != "ConfigMap" {
		return ""
	}
	var lines []string
	for key, value := range object.Data {
		lines = append(lines, fmt.Sprintf("  %s %s\n", key, value))
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// keep writes the line and reads it back.
func keep(file, line string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(line+"\n"), 0o644); err != nil {
		return err
	}
	got, err := os.ReadFile(file)
	if err == nil && string(got) != line+"\n" {
		return fmt.Errorf("%s does not keep what is written", file)
	}
	return err
}

// prepare gives a folder to a user: to another one only root can, to oneself anybody.
func prepare(folder, user string) error {
	uid, err := strconv.Atoi(user)
	if err != nil {
		return fmt.Errorf(usage)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.Chown(folder, uid, -1)
}

// look shows whoever has got into this container what they have got into.
func look(out io.Writer) {
	fmt.Fprintf(out, "user       %d\n", os.Getuid())
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		for _, name := range []string{"CapEff", "NoNewPrivs", "Seccomp"} {
			if value, found := strings.CutPrefix(line, name+":"); found {
				fmt.Fprintf(out, "%-10s %s\n", name, strings.TrimSpace(value))
			}
		}
	}
	file := "/was-here"
	err := os.WriteFile(file, nil, 0o600)
	if err == nil {
		err = os.Remove(file)
	}
	fmt.Fprintf(out, "root files %s\n", map[bool]string{true: "writable", false: "not writable"}[err == nil])
	if names, err := os.ReadDir("/host"); err == nil {
		fmt.Fprintf(out, "the node   its files are in /host, %d entries\n", len(names))
	}
}
