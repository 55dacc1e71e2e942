// Vault with what labs need of it: the build tag `minimal` leaves out what talks to clouds and other
// databases, and with it the Kubernetes auth method. So the server is given that one here; all other
// commands are Vault's own.
package main

import (
	"os"

	"github.com/hashicorp/cli"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/plugin"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "server" {
		os.Exit(command.Run(os.Args[1:]))
	}
	commands := cli.NewCLI("vault", "")
	commands.Args = os.Args[1:]
	commands.Commands = map[string]cli.CommandFactory{"server": server}
	code, err := commands.Run()
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
	os.Exit(code)
}

func server() (cli.Command, error) {
	ui := &cli.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}
	return &command.ServerCommand{
		BaseCommand:   &command.BaseCommand{UI: ui},
		AuditBackends: map[string]audit.Factory{"file": audit.NewFileBackend},
		CredentialBackends: map[string]logical.Factory{
			"kubernetes": kubernetes.Factory,
			"plugin":     plugin.Factory,
		},
		LogicalBackends: map[string]logical.Factory{
			"kv":     kv.Factory,
			"plugin": plugin.Factory,
		},
		PhysicalBackends: map[string]physical.Factory{
			"file":  file.NewFileBackend,
			"inmem": inmem.NewInmem,
		},
		ShutdownCh: command.MakeShutdownCh(),
		SighupCh:   command.MakeSighupCh(),
		SigUSR2Ch:  command.MakeSigUSR2Ch(),
	}, nil
}
