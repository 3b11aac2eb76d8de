package sandbox

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Refuse is the runner of a machine without a sandbox: it starts nothing and
// says why. backend names it in Support.
func Refuse(backend, kernel, why string) Runner {
	return refusing{Support{Backend: backend, Kernel: kernel, Cgroup: "none", UID: -1, GID: -1,
		Levels: []policy.Level{}, Notes: []string{why}}}
}

type refusing struct{ support Support }

var _ Runner = refusing{}

func (r refusing) Run(_ context.Context, p policy.Permit, _ Cmd) (Result, error) {
	return Result{ExitCode: -1}, r.refusal(p)
}

func (r refusing) Start(_ context.Context, p policy.Permit, _ Cmd) (Process, error) {
	return nil, r.refusal(p)
}

func (r refusing) refusal(p policy.Permit) error {
	want := p.Confinement().Level
	if !p.Valid() {
		return ErrPermit
	}
	return &LevelError{Want: want, Got: policy.LevelNone, Missing: want.Guarantees().Names(), Kernel: r.support.Notes[0]}
}

func (r refusing) Support() Support { return r.support }

func (r refusing) Close() error { return nil }
