package cli

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/configfile"
)

// plistStrings are the texts of a property list, keys and values in order.
func plistStrings(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if s, ok := tok.(xml.CharData); ok && strings.TrimSpace(string(s)) != "" {
			out = append(out, string(s))
		}
	}
}

// TestServiceFiles: both forms name the program and the home as they are,
// whatever characters are in their paths.
func TestServiceFiles(t *testing.T) {
	const self, state = `/opt/a & b/"open"claw`, `/home/u/50% <$HOME> \state`
	p := configfile.Paths{State: state, Profile: "work"}
	list := plistStrings(t, plistText(self, p))
	for _, want := range []string{"dev.openclaw.openclaw-work", self, "gateway", "run", "OPENCLAW_STATE_DIR", state} {
		if !slices.Contains(list, want) {
			t.Errorf("the property list lacks %q: %q", want, list)
		}
	}
	unit := unitText(self, p)
	for _, want := range []string{
		`ExecStart="/opt/a & b/\"open\"claw" gateway run` + "\n",
		`Environment="OPENCLAW_STATE_DIR=/home/u/50%% <$HOME> \\state"` + "\n",
		"Restart=on-failure\n", "NoNewPrivileges=yes\n", "UMask=0077\n", "[Install]\nWantedBy=default.target\n", "Description=OpenClaw gateway (openclaw-work)\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q:\n%s", want, unit)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(unit), "\n") {
		if line != "" && !strings.HasPrefix(line, "[") && !strings.Contains(line, "=") {
			t.Errorf("the unit has the line %q", line)
		}
	}
}

// TestRootInAnothersHome: what runs once and opens a home by itself refuses
// root in the home of another user, unless told.
func TestRootInAnothersHome(t *testing.T) {
	home := t.TempDir()
	for k, v := range map[string]string{"HOME": home, "OPENCLAW_STATE_DIR": "", "OPENCLAW_CONFIG_PATH": "", "OPENCLAW_GATEWAY_PORT": ""} {
		t.Setenv(k, v)
	}
	run := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := Main(append([]string{"openclaw"}, args...), strings.NewReader(""), &out, &errs)
		return code, errs.String()
	}
	if code, errs := run("onboard", "--non-interactive"); code != exitOK {
		t.Fatalf("%d %s", code, errs)
	}
	commands := [][]string{{"agent", "--local", "--message", "help"}, {"sandbox", "run", "--level", "strong", "id"}}
	ours := []int{exitOK, exitUsage} // the second is refused for its level, after the question of root
	for i, c := range commands {
		if code, errs := run(c...); code != ours[i] {
			t.Errorf("in one's own home %v: %d %s", c, code, errs)
		}
	}
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return // only root can give a home away, and only root is refused
	}
	if err := os.Chown(filepath.Join(home, ".openclaw"), 54321, 54321); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if code, errs := run(c...); code != exitRefused || !strings.Contains(errs, "refusing to run as root in ~/.openclaw, which is uid 54321's") || !strings.Contains(errs, "--allow-root") {
			t.Errorf("%v: %d %s", c, code, errs)
		}
	}
	if code, errs := run("sandbox", "run", "--allow-root", "--level", "strong", "id"); strings.Contains(errs, "refusing to run as root") {
		t.Errorf("with the word: %d %s", code, errs)
	}
}
