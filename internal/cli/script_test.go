package cli_test

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/cli"
)

var update = flag.Bool("update", false, "write the output of commands into the scripts")

// TestMain lets the test binary be the program, so that scripts run the real
// main, with the coverage and race detector of the test.
func TestMain(m *testing.M) {
	app.MaybeStage()
	testscript.Main(m, map[string]func(){
		"openclaw": func() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs whole commands in a HOME of their own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("OPENCLAW_STATE_DIR", "")
			e.Setenv("OPENCLAW_CONFIG_PATH", "")
			e.Setenv("OPENCLAW_GATEWAY_PORT", "")
			// Starts the gateway of $HOME, or of the profile given, in the
			// foreground of a background command.
			e.Setenv("NL", "\n")
			e.Setenv("DOLLAR", "$")
			e.Setenv("UP", "echo $$ >up.pid; exec openclaw up --allow-root >up.out 2>up.err")
			e.Setenv("ACCEPT_UP", "echo $$ >up.pid; exec openclaw up --allow-root --accept >up.out 2>up.err")
			e.Setenv("TERM_UP", "kill -TERM $(cat up.pid) && rm up.out")
			return os.MkdirAll(e.WorkDir+"/home", 0o700)
		},
		Condition: func(cond string) (bool, error) {
			if cond != "cgo" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			b, ok := debug.ReadBuildInfo()
			return ok && slices.Contains(b.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"}), nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor":  cmdWaitFor,
			"freeport": cmdFreePort,
			"jsonq":    cmdJSONQ,
			"exits":    cmdExits,
			"modes":    cmdModes,
			"private":  cmdPrivate,
			"differ":   cmdDiffer,
			"answers":  cmdAnswers,
			"telegram": newTelegrams().cmd,
		},
	})
}
