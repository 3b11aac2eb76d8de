package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdWaitFor FILE TEXT waits until a file that a background command writes
// holds TEXT. It polls, bounded by the test's own deadline.
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE TEXT")
	}
	path := ts.MkAbs(args[0])
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			b, _ := os.ReadFile(path)
			ts.Fatalf("%s never held %q; it holds:\n%s", args[0], args[1], b)
		}
	}
}

// cmdFreePort VAR sets VAR to a free loopback port.
func cmdFreePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	ts.Setenv(args[0], fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
}

// cmdJSONQ FILE PATH [WANT]: the value at a dotted path of a JSON file (or of
// stdout), compared with WANT, or set as $VALUE.
func cmdJSONQ(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: jsonq FILE PATH [WANT]")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &v); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	for _, k := range strings.Split(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[k]
		case []any:
			var i int
			if _, err := fmt.Sscan(k, &i); err != nil || i >= len(x) {
				ts.Fatalf("no element %q of %d", k, len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("no %q in %v", k, v)
		}
	}
	got := fmt.Sprint(v)
	if len(args) == 2 {
		ts.Setenv("VALUE", got)
		return
	}
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %q, want %q (negated: %v)", args[1], got, args[2], neg)
	}
}

// cmdExits CODE COMMAND ARGS...: the command ends with exactly this status.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// cmdModes MODE PATH...: every path has exactly these permission bits.
func cmdModes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: modes MODE PATH...")
	}
	for _, name := range args[1:] {
		st, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

// cmdPrivate DIR: nothing below DIR but what runs enter can be read
// or written by others.
func cmdPrivate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: private DIR")
	}
	n := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// Runs of a root gateway enter these two as another uid.
		if d.IsDir() && (strings.HasPrefix(d.Name(), "workspace") || d.Name() == "sandboxes") {
			return fs.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		n++
		if st.Mode().Perm()&0o066 != 0 {
			ts.Fatalf("%s has mode %04o", path, st.Mode().Perm())
		}
		return nil
	}))
	if n < 10 {
		ts.Fatalf("only %d files below %s", n, args[0])
	}
}

// cmdDiffer FILE FILE: both hold something, and not the same.
func cmdDiffer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: differ FILE FILE")
	}
	a, b := ts.ReadFile(args[0]), ts.ReadFile(args[1])
	if a == "" || b == "" || a == b {
		ts.Fatalf("%s and %s hold the same, or nothing", args[0], args[1])
	}
}

// cmdAnswers URL: something answers there with 200; negated: nobody listens.
func cmdAnswers(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] answers URL")
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := c.Get(args[0])
	if err == nil {
		_ = res.Body.Close()
	}
	switch {
	case neg && err == nil:
		ts.Fatalf("%s answers: %s", args[0], res.Status)
	case !neg && err != nil:
		ts.Fatalf("%s: %v", args[0], err)
	case !neg && res.StatusCode != http.StatusOK:
		ts.Fatalf("%s: %s", args[0], res.Status)
	}
}
