"""What a study is good for: series and their roles, its prior, and the pipeline that it is routed to."""
