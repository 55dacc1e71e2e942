package main

import (
	"strings"
	"time"

	db "github.com/anchore/grype/grype/db/v6"
	v6 "github.com/anchore/grype/grype/db/v6/build"
	"github.com/anchore/grype/grype/db/v6/build/transformers"
	"github.com/spf13/afero"
)

func makeGrype(advisories []advisory, folder string) error {
	writer, err := v6.NewWriter(folder, nil, false, 0)
	if err != nil {
		return err
	}
	for _, one := range advisories {
		if err := writer.Write(transformers.NewEntries(grypeEntry(one)...)...); err != nil {
			return err
		}
	}
	if err := writer.Close(); err != nil {
		return err
	}
	// What Grype does with a database after its download: indexes, and a checksum.
	if err := db.Hydrater()(folder); err != nil {
		return err
	}
	_, err = db.WriteImportMetadata(afero.NewOsFs(), folder, "labctl")
	return err
}

func grypeEntry(one advisory) []any {
	now := time.Now().UTC()
	published := one.Published
	entry := []any{db.VulnerabilityHandle{
		Name:          one.ID,
		ProviderID:    "github",
		Provider:      &db.Provider{ID: "github", Version: "1", Processor: "labctl", DateCaptured: &now},
		Status:        db.VulnerabilityActive,
		PublishedDate: &published,
		ModifiedDate:  &published,
		BlobValue: &db.VulnerabilityBlob{
			ID:          one.ID,
			Description: one.Summary,
			References:  []db.Reference{{URL: one.url()}},
			Aliases:     one.Aliases,
			Severities: []db.Severity{
				{Scheme: db.SeveritySchemeCHML, Value: strings.ToLower(one.Database.Severity)},
				{Scheme: db.SeveritySchemeCVSS, Value: db.CVSSSeverity{Vector: one.vector(), Version: "3.1"}},
			},
		},
	}}
	for _, p := range one.packages() {
		fix := db.Fix{State: db.NotFixedStatus}
		if p.fixed != "" {
			fix = db.Fix{Version: p.fixed, State: db.FixedStatus}
		}
		entry = append(entry, db.AffectedPackageHandle{
			Package: &db.Package{Ecosystem: "python", Name: p.name},
			BlobValue: &db.PackageBlob{
				CVEs:   []string{one.cve()},
				Ranges: []db.Range{{Version: db.Version{Type: "python", Constraint: p.constraint(",")}, Fix: &fix}},
			},
		})
	}
	return entry
}
