// Package cli is the command line: it parses words, calls one thing, prints
// the result. It decides nothing.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// version is set by the linker; a plain build says so.
var version = "0.1.0-dev"

// compatVersion is upstream's release whose formats and protocol are spoken.
const compatVersion = "2026.4.1"

// env is everything a command gets from outside.
type env struct {
	ctx    context.Context
	stdin  io.Reader
	print  *printer
	getenv func(string) string

	profile string
	dev     bool
	noColor bool
}

// Main runs the command line and gives its exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	if len(args) == 2 && (args[1] == "--version" || args[1] == "-V") {
		fmt.Fprintln(stdout, "openclaw "+version)
		return exitOK
	}
	// What loosens the runtime's own checks is not the environment's to say: with
	// the variable gone they are as built (R26).
	_ = os.Unsetenv("GODEBUG")
	p := &printer{out: stdout, err: stderr}
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "BUG(openclaw): %s\n%s", filter.Terminal(fmt.Sprint(r)), debug.Stack())
			code = exitBug
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &env{ctx: ctx, stdin: stdin, print: p, getenv: os.Getenv}
	root := e.root()
	root.SetArgs(args[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		var f *failure
		if !errors.As(err, &f) && isUsage(err) {
			err = &failure{code: exitUsage, err: err, hint: "openclaw help"}
		}
		return p.fail(err)
	}
	return exitOK
}

// isUsage tells cobra's own complaints about words from errors of a command.
func isUsage(err error) bool {
	s := err.Error()
	for _, prefix := range []string{"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument", "accepts ", "requires ", "required flag", "bad flag syntax", "if any flags in the group", "at least one of the flags"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// root lists every command; adding one is a file and a line here.
func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "openclaw",
		Short:         "A personal AI-agent gateway that is hardened before it is configured",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVar(&e.profile, "profile", "", "use the state directory ~/.openclaw-`NAME`")
	root.PersistentFlags().BoolVar(&e.dev, "dev", false, "use the state directory ~/.openclaw-dev and port 19001")
	root.PersistentFlags().BoolVar(&e.noColor, "no-color", false, "accepted for scripts; output has no colour")
	root.PersistentFlags().BoolVar(&e.print.json, "json", false, "print the result as JSON")
	root.Version = version
	root.SetVersionTemplate("openclaw {{.Version}}\n")
	root.AddCommand(
		e.cmdUp(), e.cmdOnboard(), e.cmdMigrate(), e.cmdGateway(), e.cmdDashboard(),
		e.cmdAgent(), e.cmdApprovals(), e.cmdSessions(), e.cmdJournal(), e.cmdPolicy(),
		e.cmdConfig(), e.cmdSandbox(), e.cmdEgress(), e.cmdFilter(), e.cmdSecurity(), e.cmdHarden(), e.cmdSecrets(), e.cmdSkill(),
		e.cmdLockdown(), e.cmdPairing(), e.cmdChannels(), e.cmdMessage(), e.cmdStatus(), e.cmdMonitor(), e.cmdNotify(), e.cmdUsage(), e.cmdHealth(), e.cmdDoctor(), e.cmdLogs(), e.cmdVersion(),
	)
	closeGroups(root)
	return root
}

// paths of the home that the flags and the environment name.
func (e *env) paths() (configfile.Paths, error) {
	return configfile.ResolvePaths(configfile.Env{Getenv: e.getenv, Profile: e.profile, Dev: e.dev})
}
