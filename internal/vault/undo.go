package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"
)

// UndoInfo tells of one kept copy without its content.
type UndoInfo struct {
	ID      string    `json:"id"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	Files   []string  `json:"files"`
	Secrets []string  `json:"secrets,omitempty"` // that the change added
}

// sealedUndo is what a change replaced. It lies only here, sealed, and goes by
// itself (R44).
type sealedUndo struct {
	UndoInfo
	Sealed []byte `json:"sealed"`
}

// UndoLife is how long what a change replaced is kept.
const UndoLife = 7 * 24 * time.Hour

// ErrNoUndo: nothing is kept under that id, or not any more.
var ErrNoUndo = errors.New("nothing is kept to undo")

// Kept is a file as it was before a change. Now is a hash of what the change
// left there, so that what somebody wrote since is not lost.
type Kept struct {
	Path    string      `json:"path"`
	Mode    fs.FileMode `json:"mode"`
	Content []byte      `json:"content"`
	Now     string      `json:"now"`
}

// Undo is a copy that was opened.
type Undo struct {
	UndoInfo
	Kept []Kept
}

func (u UndoInfo) bound() []byte {
	fields := []string{u.ID, u.Made.UTC().Format(time.RFC3339Nano), u.Expires.UTC().Format(time.RFC3339Nano), strconv.Itoa(len(u.Files))}
	return bind("undo", slices.Concat(fields, u.Files, u.Secrets)...)
}

// KeepUndo keeps files as they are before the change.
func (e *Edit) KeepUndo(kept []Kept, secrets []string) (UndoInfo, error) {
	u := sealedUndo{UndoInfo: UndoInfo{ID: newStoreID()[:8], Made: e.Now, Expires: e.Now.Add(UndoLife), Secrets: secrets}}
	for _, k := range kept {
		u.Files = append(u.Files, k.Path)
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return UndoInfo{}, fmt.Errorf("vault: %w", err)
	}
	defer clear(text)
	if u.Sealed, err = e.cipher(text, u.bound()); err != nil {
		return UndoInfo{}, err
	}
	e.opened.doc.Undo = append(e.opened.doc.Undo, u)
	return u.UndoInfo, nil
}

// Undo opens a kept copy. ErrNoUndo is wrapped when there is none or its time
// is over.
func (e *Edit) Undo(id string) (Undo, error) {
	u, err := e.opened.undo(id)
	if err == nil && !u.Expires.After(e.Now) {
		return Undo{}, fmt.Errorf("vault: %q has expired: %w", id, ErrNoUndo)
	}
	return u, err
}

// DropUndo removes a kept copy.
func (e *Edit) DropUndo(id string) {
	e.opened.doc.Undo = slices.DeleteFunc(e.opened.doc.Undo, func(u sealedUndo) bool { return u.ID == id })
}

func (o opened) undo(id string) (Undo, error) {
	i := slices.IndexFunc(o.doc.Undo, func(u sealedUndo) bool { return u.ID == id })
	if i < 0 {
		return Undo{}, fmt.Errorf("vault: %q: %w", id, ErrNoUndo)
	}
	x := o.doc.Undo[i]
	text, err := unseal(o.doc.Store, o.key, x.Sealed, x.bound())
	if err != nil {
		return Undo{}, fmt.Errorf("vault: the copy %q: %w", id, err)
	}
	defer clear(text)
	u := Undo{UndoInfo: x.UndoInfo}
	if err := json.Unmarshal(text, &u.Kept); err != nil {
		return Undo{}, fmt.Errorf("vault: the copy %q: %w", id, errDamaged)
	}
	return u, nil
}
