package configfile

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func getenv(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestResolvePaths(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the table has slashes")
	}
	for _, c := range []struct {
		name               string
		env                Env
		state, config      string
		profile            string
		port, fallbackPort int
	}{
		{"plain", Env{Getenv: getenv("HOME", "/h")}, "/h/.openclaw", "/h/.openclaw/openclaw.json", "", 0, 0},
		{"other home", Env{Getenv: getenv("HOME", "/h", EnvHome, "/o")}, "/o/.openclaw", "/o/.openclaw/openclaw.json", "", 0, 0},
		{"state", Env{Getenv: getenv("HOME", "/h", EnvStateDir, "/s")}, "/s", "/s/openclaw.json", "", 0, 0},
		{"state with ~", Env{Getenv: getenv("HOME", "/h", EnvStateDir, "~/x/../y")}, "/h/y", "/h/y/openclaw.json", "", 0, 0},
		{"config", Env{Getenv: getenv("HOME", "/h", EnvConfigPath, "/app/config/c.json")}, "/h/.openclaw", "/app/config/c.json", "", 0, 0},
		{"flag", Env{Getenv: getenv("HOME", "/h"), Profile: "work"}, "/h/.openclaw-work", "/h/.openclaw-work/openclaw.json", "work", 0, 0},
		{"variable", Env{Getenv: getenv("HOME", "/h", EnvProfile, "play")}, "/h/.openclaw-play", "/h/.openclaw-play/openclaw.json", "play", 0, 0},
		{"flag over variable", Env{Getenv: getenv("HOME", "/h", EnvProfile, "play"), Profile: "work"}, "/h/.openclaw-work", "/h/.openclaw-work/openclaw.json", "work", 0, 0},
		{"default is none", Env{Getenv: getenv("HOME", "/h"), Profile: "default"}, "/h/.openclaw", "/h/.openclaw/openclaw.json", "", 0, 0},
		{"dev", Env{Getenv: getenv("HOME", "/h"), Dev: true}, "/h/.openclaw-dev", "/h/.openclaw-dev/openclaw.json", "dev", 0, 19001},
		{"port", Env{Getenv: getenv("HOME", "/h", EnvPort, "9000"), Dev: true}, "/h/.openclaw-dev", "/h/.openclaw-dev/openclaw.json", "dev", 9000, 19001},
	} {
		p, err := ResolvePaths(c.env)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if p.State != c.state || p.Config != c.config || p.Profile != c.profile || p.Port.V != c.port || p.Port.Set != (c.port != 0) || p.DefaultPort != c.fallbackPort {
			t.Errorf("%s: %+v", c.name, p)
		}
		if p.Run != filepath.Join(p.State, "run") || p.Marker != filepath.Join(p.State, "home.json") {
			t.Errorf("%s: run %q, marker %q", c.name, p.Run, p.Marker)
		}
	}
	for name, c := range map[string]struct {
		env  Env
		want string
	}{
		"no home":           {Env{}, "no home"},
		"profile with path": {Env{Getenv: getenv("HOME", "/h"), Profile: "../x"}, `--profile: found "../x"`},
		"two profiles":      {Env{Getenv: getenv("HOME", "/h"), Profile: "x", Dev: true}, "two homes"},
		"no port":           {Env{Getenv: getenv("HOME", "/h", EnvPort, "http")}, `OPENCLAW_GATEWAY_PORT: found "http"`},
		"port too high":     {Env{Getenv: getenv("HOME", "/h", EnvPort, "70000")}, "OPENCLAW_GATEWAY_PORT"},
		"relative root":     {Env{Getenv: getenv("HOME", "/h", EnvIncludeRoots, "x")}, "OPENCLAW_INCLUDE_ROOTS"},
	} {
		if p, err := ResolvePaths(c.env); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, p, err, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	p := Paths{Home: filepath.FromSlash("/h")}
	for path, want := range map[string]string{"/h/a/b": "~/a/b", "/h": "~", "/home": "/home", "/hx/y": "/hx/y"} {
		if got := p.Short(filepath.FromSlash(path)); filepath.ToSlash(got) != want {
			t.Errorf("Short(%q) = %q, want %q", path, got, want)
		}
	}
}
