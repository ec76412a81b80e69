// Works jobs through redigo: a pool of connections, a queue of lists with a script that takes and acknowledges, results by publish.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run redigo_job.go 6379
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

const jobs, workers = 200, 4

// Takes a job, notes who works it, and gives it.
var take = redis.NewScript(2, `
local job = redis.call("RPOPLPUSH", KEYS[1], KEYS[2])
if job then redis.call("HSET", KEYS[2] .. ":by", job, ARGV[1]) end
return job`)

func main() {
	pool := &redis.Pool{
		MaxIdle: workers + 2, Wait: true, MaxActive: workers + 4,
		Dial:         func() (redis.Conn, error) { return redis.Dial("tcp", "127.0.0.1:"+os.Args[1]) },
		TestOnBorrow: func(c redis.Conn, _ time.Time) error { _, err := c.Do("PING"); return err },
	}
	defer pool.Close()
	done := make(chan int, jobs)
	listener := pool.Get()
	subscribed := redis.PubSubConn{Conn: listener}
	check(subscribed.Subscribe("{q}results"))
	if first, ok := subscribed.Receive().(redis.Subscription); !ok || first.Count != 1 {
		panic("not subscribed")
	}
	go func() {
		for {
			message, ok := subscribed.Receive().(redis.Message)
			if !ok {
				return
			}
			number, _ := strconv.Atoi(string(message.Data))
			done <- number
		}
	}()
	ended := make(chan struct{})
	var working sync.WaitGroup
	working.Add(workers)
	for worker := 0; worker < workers; worker++ {
		go func(worker int) {
			defer working.Done()
			work(pool, worker, ended)
		}(worker)
	}
	connection := pool.Get()
	for number := 0; number < jobs; number++ {
		check(connection.Send("LPUSH", "{q}wait", number))
	}
	check(connection.Flush())
	for number := 0; number < jobs; number++ {
		_, err := connection.Receive()
		check(err)
	}
	seen := map[int]bool{}
	for len(seen) < jobs {
		select {
		case number := <-done:
			seen[number] = true
		case <-time.After(30 * time.Second):
			panic(fmt.Sprintf("%d of %d jobs came back", len(seen), jobs))
		}
	}
	// The pool closes behind the workers: one that asks a closed pool for a connection would end a job that went well.
	close(ended)
	working.Wait()
	results, err := redis.IntMap(connection.Do("HGETALL", "{q}squares"))
	check(err)
	right := 0
	for number := 0; number < jobs; number++ {
		if results[strconv.Itoa(number)] == number*number {
			right++
		}
	}
	left, err := redis.Int(connection.Do("LLEN", "{q}busy"))
	check(err)
	fmt.Printf("%d of %d, %d not acknowledged\n", right, jobs, left)
	if right != jobs || left != 0 {
		os.Exit(1)
	}
}

func work(pool *redis.Pool, worker int, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
		}
		connection := pool.Get()
		job, err := redis.Int(take.Do(connection, "{q}wait", "{q}busy", worker))
		if err == redis.ErrNil {
			connection.Close()
			time.Sleep(time.Millisecond)
			continue
		}
		check(err)
		check(connection.Send("MULTI"))
		check(connection.Send("HSET", "{q}squares", job, job*job))
		check(connection.Send("LREM", "{q}busy", 1, job))
		check(connection.Send("PUBLISH", "{q}results", job))
		replies, err := redis.Ints(connection.Do("EXEC"))
		check(err)
		if len(replies) != 3 || replies[1] != 1 || replies[2] != 1 {
			panic(fmt.Sprint("EXEC answered ", replies))
		}
		connection.Close()
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
