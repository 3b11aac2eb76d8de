//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

func TestMain(m *testing.M) {
	MaybeStage()
	os.Exit(m.Run())
}

func TestSmoke(t *testing.T) {
	d := t.TempDir()
	//os.Chmod(filepath.Dir(d), 0o755)
	r, err := New(Options{SkeletonDir: filepath.Join(d, "skel"), UID: 65534, GID: 65534})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, _ := json.MarshalIndent(r.Support(), "", " ")
	t.Logf("%s", b)
	ws := filepath.Join(d, "ws")
	os.Mkdir(ws, 0o755)
	os.Chown(ws, 65534, 65534)
	for _, l := range []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated} {
		q := policy.Request{Tool: "exec", Agent: "main"}
		dec := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q), Confinement: policy.Confinement{Level: l, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/AGENTS.md", ws + "/.git/hooks/"}}}
		p, err := dec.Permit(q)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		res, err := r.Run(context.Background(), p, sandbox.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "id; ls -la . / ~; cat /proc/self/mountinfo; echo x > f; echo x > AGENTS.md; mkdir .git/hooks; exit 7"}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out, Stderr: &out})
		t.Logf("%v %v %+v\n%s", l, err, res.Witness.Summary(), out.String())
		t.Logf("%+v", res)
	}
}
