// scanners makes the databases of Trivy and of Grype from a folder of advisories.
//
//	scanners ADVISORIES OUT
//
// Advisories are in the OSV format (https://ossf.github.io/osv-schema/), one a file, for packages
// of PyPI. OUT/trivy and OUT/grype are what the two call their cache folders. Both databases are
// written by the programs' own code, so the format is the one that they read.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// advisory is what both databases need of an OSV record.
type advisory struct {
	ID        string    `json:"id"`
	Aliases   []string  `json:"aliases"`
	Summary   string    `json:"summary"`
	Published time.Time `json:"published"`
	Severity  []struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	} `json:"severity"`
	Affected []struct {
		Package struct {
			Ecosystem string `json:"ecosystem"`
			Name      string `json:"name"`
		} `json:"package"`
		Ranges []struct {
			Type   string              `json:"type"`
			Events []map[string]string `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`
	Database struct {
		Severity string `json:"severity"`
	} `json:"database_specific"`
}

// vulnerable is one package that an advisory is about, in the words of both databases.
type vulnerable struct {
	name  string
	from  string // the first version that has it; "0" is all
	fixed string // the first version that is mended; empty when there is none
}

// cve is the name that people know it by.
func (a advisory) cve() string {
	for _, alias := range a.Aliases {
		if strings.HasPrefix(alias, "CVE-") {
			return alias
		}
	}
	return a.ID
}

// vector is its CVSS 3.1 vector.
func (a advisory) vector() string { return a.Severity[0].Score }

// url is where people read about it.
func (a advisory) url() string { return "https://github.com/advisories/" + a.ID }

// packages lists what it affects.
func (a advisory) packages() []vulnerable {
	var found []vulnerable
	for _, affected := range a.Affected {
		one := vulnerable{name: affected.Package.Name}
		for _, event := range affected.Ranges[0].Events {
			if from, ok := event["introduced"]; ok {
				one.from = from
			}
			if fixed, ok := event["fixed"]; ok {
				one.fixed = fixed
			}
		}
		found = append(found, one)
	}
	return found
}

// constraint says which versions have it, joined as the caller's database wants it.
func (v vulnerable) constraint(join string) string {
	var parts []string
	if v.from != "0" || v.fixed == "" {
		parts = append(parts, ">="+v.from)
	}
	if v.fixed != "" {
		parts = append(parts, "<"+v.fixed)
	}
	return strings.Join(parts, join)
}

// check refuses records that say something which is not carried over.
func (a advisory) check() error {
	if a.ID == "" || len(a.Severity) != 1 || a.Severity[0].Type != "CVSS_V3" || a.Database.Severity == "" {
		return fmt.Errorf("an id, one CVSS_V3 severity and database_specific.severity are wanted")
	}
	for _, affected := range a.Affected {
		if affected.Package.Ecosystem != "PyPI" || len(affected.Ranges) != 1 || affected.Ranges[0].Type != "ECOSYSTEM" {
			return fmt.Errorf("only packages of PyPI, with one range of type ECOSYSTEM, are known here")
		}
		if len(affected.Ranges[0].Events) > 2 {
			return fmt.Errorf("one `introduced` and one `fixed` at most are known here")
		}
	}
	return nil
}

func read(folder string) ([]advisory, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("there are no advisories in %s", folder)
	}
	var found []advisory
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var one advisory
		if err = json.Unmarshal(content, &one); err == nil {
			err = one.check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found = append(found, one)
	}
	return found, nil
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: scanners ADVISORIES OUT")
	}
	advisories, err := read(os.Args[1])
	if err != nil {
		return err
	}
	if err := makeTrivy(advisories, filepath.Join(os.Args[2], "trivy", "db")); err != nil {
		return fmt.Errorf("trivy's database: %w", err)
	}
	if err := makeGrype(advisories, filepath.Join(os.Args[2], "grype", "6")); err != nil {
		return fmt.Errorf("grype's database: %w", err)
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scanners:", err)
		os.Exit(1)
	}
}
