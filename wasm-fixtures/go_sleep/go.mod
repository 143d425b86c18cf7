module go_sleep

go 1.24
