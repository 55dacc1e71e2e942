package main

import (
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	gocvss31 "github.com/pandatix/go-cvss/31"
	bolt "go.etcd.io/bbolt"
)

const ghsa = types.SourceID("ghsa")

// Where Trivy looks for advisories about packages of PyPI.
const bucket = "pip::GitHub Security Advisory pip"

func makeTrivy(advisories []advisory, folder string) error {
	if err := db.Init(folder); err != nil {
		return err
	}
	defer db.Close()
	all := db.Config{}
	err := all.BatchUpdate(func(tx *bolt.Tx) error {
		source := types.DataSource{ID: ghsa, Name: bucket[len("pip::"):], URL: "https://github.com/advisories"}
		if err := all.PutDataSource(tx, bucket, source); err != nil {
			return err
		}
		for _, one := range advisories {
			if err := putTrivy(all, tx, one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	return metadata.NewClient(folder).Update(metadata.Metadata{
		Version:   db.SchemaVersion,
		UpdatedAt: now, DownloadedAt: now,
		// It is never too old: the labs' packages have versions of their own time.
		NextUpdate: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	})
}

func putTrivy(all db.Config, tx *bolt.Tx, one advisory) error {
	severity, err := types.NewSeverity(one.Database.Severity)
	if err != nil {
		return err
	}
	cvss, err := gocvss31.ParseVector(one.vector())
	if err != nil {
		return err
	}
	for _, p := range one.packages() {
		told := types.Advisory{
			VendorIDs:          []string{one.ID},
			VulnerableVersions: []string{p.constraint(", ")},
		}
		if p.fixed != "" {
			told.PatchedVersions = []string{p.fixed}
		}
		if err := all.PutAdvisoryDetail(tx, one.cve(), p.name, []string{bucket}, &told); err != nil {
			return err
		}
	}
	if err := all.SaveAdvisoryDetails(tx, one.cve()); err != nil {
		return err
	}
	return all.PutVulnerability(tx, one.cve(), types.Vulnerability{
		Title:          one.Summary,
		Severity:       severity.String(),
		VendorSeverity: types.VendorSeverity{ghsa: severity},
		CVSS: types.VendorCVSS{
			ghsa: {V3Vector: one.vector(), V3Score: cvss.BaseScore()},
		},
		References: []string{one.url()},
	})
}
